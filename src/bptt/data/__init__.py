"""Real sequences to train and diagnose on."""

from bptt.data.text import Text

__all__ = ["Text"]
