"""The calls run again with our own equations, and what carries errors from one to another."""

from bptt.torch_models.replay.links import Links
from bptt.torch_models.replay.run_again import Replay, replay
from bptt.torch_models.replay.strands import Strand, strands_of

__all__ = ["Links", "Replay", "Strand", "replay", "strands_of"]
