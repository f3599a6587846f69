"""Settings that are each in their range, but cannot be meant together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minram.training.config import Config


def contradictions(c: "Config") -> Iterator[str]:
    """A sentence, with the remedy, for each pair of settings that cannot be meant together."""
    pure = c.objective == "reinforce"
    if c.baseline == "rollouts" and c.rollouts < 2:
        yield (
            "baseline=rollouts compares the rollouts of one image, but rollouts is 1; set rollouts=2 or more, or "
            "take baseline=batch."
        )
    if c.shards > c.batch_size:
        yield f"shards is {c.shards}, but there are {c.batch_size} images a step; set shards={c.batch_size} or less."
    if c.model == "ram" and c.baseline == "batch" and c.batch_size // c.shards * c.rollouts < 2:
        yield (
            "baseline=batch compares the rows of each part of a minibatch, but there is only one; set batch_size=2 or "
            "more a part, or take baseline=learned."
        )
    if pure and c.policy == "random":
        yield (
            "objective=reinforce learns locations too, but policy=random draws them from no policy; set "
            "objective=hybrid or policy=gaussian."
        )
    if pure and not {"label", "location"} <= {*c.flow}:
        yield (
            "objective=reinforce follows one gradient through the whole network, but flow leaves out the label or the "
            "location head; set flow=label,location."
        )
    if pure and c.reward != "correct":
        yield (
            "objective=reinforce rewards the label that was drawn, so reward should be 'correct'; set reward=correct "
            "or objective=hybrid."
        )
    if pure and c.reward_steps == "every":
        yield (
            "objective=reinforce draws one label, after the last glimpse, and rewards no other; set reward_steps=last "
            "or objective=hybrid."
        )
    if pure and c.class_weights != "none":
        yield (
            "class_weights=balanced weighs a cross-entropy, which objective=reinforce has not; set objective=hybrid or "
            "class_weights=none."
        )
    if c.reward_steps == "every" and c.label_steps == "last":
        yield (
            "reward_steps=every rewards the label after each glimpse, so each should be trained; set label_steps=every."
        )
    if c.policy == "random" and ("location" in c.flow or c.learn_std):
        yield (
            "policy=random learns nothing of where to look, so no gradient of it can flow; set flow=label and "
            "learn_std=false."
        )
    if c.learn_std and c.final_std != 1:
        yield "σ is either learned or annealed; set final_std=1 or learn_std=false."
    if c.learning_rate * c.weight_decay >= 1:
        yield (
            f"a step would take away {c.learning_rate * c.weight_decay:.3g} times what there is of each weight; set a "
            "smaller weight_decay."
        )
    if c.learn_std and c.weight_decay > 0:
        yield (
            "weight decay pulls every parameter to 0, and log σ = 0 is σ = 1, half an image; set weight_decay=0 or "
            "learn_std=false."
        )
    if c.learn_std and c.start == "gaussian":
        yield (
            "start=gaussian draws the first location with σ, but the gradient of σ counts the policy's draws alone; "
            "set learn_std=false or another start."
        )
    if c.task != "original" and c.background != 0:
        yield f"the canvases of task={c.task} are black, but background is {c.background}; set background=0."
    if c.task == "cluttered" and c.distractor_size > min(c.canvas):
        yield (
            f"distractor_size is {c.distractor_size}, but the canvas is {c.canvas}; set a larger canvas or a smaller "
            "distractor_size."
        )
