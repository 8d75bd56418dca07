"""Learning from text, labelled sequences and tasks: truncated BPTT, optimisers, schedules, early stopping."""

from bptt.optimisers import SGD, Adam, RMSprop
from bptt.training.curriculum import Drawn, Growing
from bptt.training.loop import Progress, Result, train
from bptt.training.schedules import Constant, Cosine, Exponential, StepDecay, WarmUp
from bptt.training.scores import bits_per_character, evaluate
from bptt.training.sources import source_of
from bptt.training.usual import usual_updates

__all__ = [
    "SGD",
    "Adam",
    "Constant",
    "Cosine",
    "Drawn",
    "Exponential",
    "Growing",
    "Progress",
    "RMSprop",
    "Result",
    "StepDecay",
    "WarmUp",
    "bits_per_character",
    "evaluate",
    "source_of",
    "train",
    "usual_updates",
]
