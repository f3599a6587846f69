"""What build.py does, a file for each command.

Such a file has `register(commands)`, which adds the command's parser to those of argparse and sets its `run(args)`.
That is all that a new command needs; what only it needs is imported when it runs.
"""
