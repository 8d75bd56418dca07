"""What a sweep is to measure: axes over a configuration, as points."""

from bptt.sweeps.plan.axes import Range, Values
from bptt.sweeps.plan.plan import Plan, Point
from bptt.sweeps.plan.plan_file import read_plan

__all__ = ["Plan", "Point", "Range", "Values", "read_plan"]
