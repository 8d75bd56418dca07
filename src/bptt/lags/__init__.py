"""The gradient by lag (Q5, Q8, Q9): what each step back in time contributes to dW_R."""

from bptt.lags.profile import LagProfile
from bptt.lags.walk import by_lag

__all__ = ["LagProfile", "by_lag"]
