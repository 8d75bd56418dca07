"""Learning: truncated backpropagation through time on streams of text."""

from bptt.training.loop import Progress, Result, bits_per_character, train
from bptt.training.optimisers import SGD, Adam

__all__ = ["SGD", "Adam", "Progress", "Result", "bits_per_character", "train"]
