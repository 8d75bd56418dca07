"""Reports side by side: the median and its band over seeds."""

from bptt.comparison.comparison import Comparison
from bptt.comparison.door import compare
from bptt.comparison.run import Run

__all__ = ["Comparison", "Run", "compare"]
