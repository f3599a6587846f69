"""From a recipe to a trained model.

config       every setting of a run, in one record that checks itself
recipes      named settings: the quick default, and the rows of the paper's tables
optim        Adam and SGD on one flat vector, and the average of the weights
step         one update: images, rollout, cotangents, gradients, parameters
train        epochs, validation after each, the test once at the end
run          a run's folder: what is saved, read back, and gone on with
evaluate     how often the agent is wrong, with an interval
classifiers  the networks without attention that the paper compares with
"""
