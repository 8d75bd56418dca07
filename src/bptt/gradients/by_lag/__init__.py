"""The gradient by lag (Q5 to Q10): what each step back in time contributes to dW_R."""

from bptt.gradients.by_lag.arriving import signal_by_lag
from bptt.gradients.by_lag.lag_profile import LagProfile
from bptt.gradients.by_lag.profile import Profile, Truncation
from bptt.gradients.by_lag.signal import Signal
from bptt.gradients.by_lag.state_profile import ParameterLags, StateProfile
from bptt.gradients.by_lag.state_tally import StateTally
from bptt.gradients.by_lag.walk import by_lag

__all__ = [
    "LagProfile", "ParameterLags", "Profile", "Signal", "StateProfile", "StateTally", "Truncation", "by_lag",
    "signal_by_lag",
]  # fmt: skip
