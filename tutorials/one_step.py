"""One training step of lesson 0's agent, to be gone through in a debugger: ten_breakpoints.md says where to stop.

All of it is the package's own training, in this process, but for the dice: they fall as in lesson 0.
"""

import numpy as np

# Some of these are only there to be named in the debugger.
from minram.core import core_backward, core_forward  # noqa: F401
from minram.datasets.data import Dataset
from minram.glimpse import glimpse_backward, glimpse_forward  # noqa: F401
from minram.policy import log_prob_backward, sample  # noqa: F401
from minram.reinforce import cotangents  # noqa: F401
from minram.sensor import sensor_forward  # noqa: F401
from minram.training import by_hand, shards
from minram.training.optim import optimiser_state, pack, update_in_place  # noqa: F401
from minram.training.run import Progress, Run
from minram.training.step import train_step

dataset = Dataset(*[by_hand.IMAGE, by_hand.LABELS] * 3)
vector, params = pack(by_hand.parameters())
run = Run(vector, params, optimiser_state(by_hand.CONFIG, vector), Progress(dataset.fingerprint))
shards.stream = lambda seed, purpose, *place: by_hand.Draws(by_hand.NOISE)  # instead of the generator of a seed
maker = shards.InProcess(run, by_hand.CONFIG, dataset, n_steps=1)

breakpoint()
outcome = train_step(maker, np.array([0]), step=0)
print(f"reward {outcome.reward[0]:g}, loss {outcome.loss:.4f}")
