"""How a state follows from the one before: one file per kind of linear recurrence."""

from bptt.torch_models.scans.kinds.decay import Decay
from bptt.torch_models.scans.kinds.delta import Delta
from bptt.torch_models.scans.kinds.linear import LinearRecurrence
from bptt.torch_models.scans.kinds.outer import Outer
from bptt.torch_models.scans.kinds.selective import Selective

__all__ = ["Decay", "Delta", "LinearRecurrence", "Outer", "Selective"]
