"""Textbook loops: the oracle. See ``reference.plain`` (one RNN) and ``reference.stacks`` (the rest)."""

from bptt.reference import stacks
from bptt.reference.plain import (
    LOSSES,
    PHI,
    Phi,
    by_lag,
    complex_step,
    cross_entropy,
    forward,
    loss,
    mean_squared_error,
)

__all__ = [
    "LOSSES",
    "PHI",
    "Phi",
    "by_lag",
    "complex_step",
    "cross_entropy",
    "forward",
    "loss",
    "mean_squared_error",
    "stacks",
]
