"""The gradient by lag (Q5 to Q10): what each step back in time contributes to dW_R."""

from bptt.gradients.by_lag.profile import LagProfile, Truncation
from bptt.gradients.by_lag.walk import by_lag

__all__ = ["LagProfile", "Truncation", "by_lag"]
