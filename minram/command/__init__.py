"""The command line.

cli       parses the words of a command; wrong ones end in one sentence
commands  carries them out: calls the package, prints what it returns
drawn     the commands that draw: show and page
bench     how long a training step takes, and where the time goes
scaling   how that time grows, drawn
"""
