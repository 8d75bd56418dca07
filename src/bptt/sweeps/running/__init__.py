"""From a plan to its rows: on processes, threads or a cluster, with a progress bar."""

from bptt.sweeps.running.progress import Progress
from bptt.sweeps.running.sweep import run_plan, sweep

__all__ = ["Progress", "run_plan", "sweep"]
