"""From a recipe to a trained model.

config          every setting of a run, in one record that checks itself
ranges          what a setting may be
contradictions  settings that cannot be meant together
recipes         named settings: the quick default, and the rows of the paper's tables
jobs            trainings by recipe, seed and what is changed: the choices that lessons and tables take back
proposal        a rule for the retina and the length of a training, by size and number of the images
models          one record for each kind of model: the agent, and the networks without attention
own             a caller's own reward and baseline
optim           Adam and SGD on one flat vector, and the average of the weights
streams         where every random number comes from
balance         classes that count alike, however many images each has
shards          a batch is a sum: its gradient in parts, and their outcome
parallel        the parts made by several processes at once, with the same bits
step            one update: the parts' gradients, their sum, the parameters
signals         Ctrl-C and termination, asked for between two steps
process         threads and memory of a process
diagnosis       what may be wrong with a run, as metrics and as sentences
train           epochs, and validation after each
metrics         the line that each epoch leaves, and how the lines are read back
origin          whether parameters, settings and data belong together
run             a run's folder: what is saved, read back, and gone on with
by_hand         an agent so small that one update of it can be followed with a pencil
evaluate        how often the agent is wrong, with an interval
classifiers     the networks without attention that the paper compares with
"""
