"""The command line.

cli           parses the words of a command; wrong ones end in one sentence
commands      carries them out: calls the package, prints what it returns
terminal      what is printed while something takes long
text          lines that fit a terminal
by_class      the errors of each class, as lines
function      checks a gradient of the user's own, by its name
drawn         the commands that draw: show and page
label         labels pictures of your own
looks         the looks at a run's test set
trace         one update, each array at the line that makes it
bench         how long a training step takes, and where the time goes
bench_report  prints that
scaling       how that time grows, drawn
"""
