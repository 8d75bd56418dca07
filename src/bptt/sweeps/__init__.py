"""Sweeps: many settings measured on every processor there is, kept in one file."""

from bptt.sweeps.axes import Range, Values
from bptt.sweeps.plan import Plan, Point
from bptt.sweeps.plan_file import read_plan
from bptt.sweeps.progress import Progress
from bptt.sweeps.results import Sweep, open, read_bytes
from bptt.sweeps.running import run_plan, sweep

__all__ = [
    "Plan",
    "Point",
    "Progress",
    "Range",
    "Sweep",
    "Values",
    "open",
    "read_bytes",
    "read_plan",
    "run_plan",
    "sweep",
]
