"""Learning: truncated backpropagation through time on streams of text, and on labelled sequences."""

from bptt.training.loop import Progress, Result, train
from bptt.training.optimisers import SGD, Adam
from bptt.training.sources import bits_per_character

__all__ = ["SGD", "Adam", "Progress", "Result", "bits_per_character", "train"]
