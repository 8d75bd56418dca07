"""Sweeps: many settings measured on every processor there is, kept in one file."""

from bptt.sweeps.opening import open, read_bytes
from bptt.sweeps.plan.axes import Range, Values
from bptt.sweeps.plan.plan import Plan, Point
from bptt.sweeps.plan.plan_file import read_plan
from bptt.sweeps.results import Sweep
from bptt.sweeps.running.progress import Progress
from bptt.sweeps.running.sweep import run_plan, sweep

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
