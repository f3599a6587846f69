"""The command line.

cli       parses the words of a command; wrong ones end in one sentence
commands  carries them out: calls the package, prints what it returns
trace     one update, each array at the line that makes it
bench     how long a training step takes, and where the time goes
scaling   how that time grows, drawn
"""
