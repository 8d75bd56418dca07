"""One point measured: its configuration in, a row of numbers and words out."""

from bptt.sweeps.point.point import Row, measured

__all__ = ["Row", "measured"]
