"""The command line.

cli       parses the words of a command; wrong ones end in one sentence
commands  carries them out: calls the package, prints what it returns
terminal  what is printed while something takes long
bench     how long a training step takes, and where the time goes
scaling   how that time grows, drawn
"""
