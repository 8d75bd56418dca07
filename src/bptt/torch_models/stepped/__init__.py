"""A module that a model calls once per time step, taken apart by lag: the state is what flows from call to call."""

from bptt.torch_models.stepped.finding import found, named
from bptt.torch_models.stepped.judged import diagnose_steps
from bptt.torch_models.stepped.measure import Stepped, measured
from bptt.torch_models.stepped.reference import held, reference

__all__ = ["Stepped", "diagnose_steps", "found", "held", "measured", "named", "reference"]
