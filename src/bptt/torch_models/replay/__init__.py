"""The calls run again with our own equations, and what carries errors from one to another."""

from bptt.torch_models.replay.in_portions import gradient_of, replay_in_portions
from bptt.torch_models.replay.links import Links
from bptt.torch_models.replay.portion import Portion
from bptt.torch_models.replay.run_again import Replay, replay
from bptt.torch_models.replay.strands import Strand, strands_of

__all__ = [
    "Links", "Portion", "Replay", "Strand", "gradient_of", "replay", "replay_in_portions", "strands_of",
]  # fmt: skip
