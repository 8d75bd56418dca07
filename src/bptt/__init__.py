"""How far back in time a recurrent network's gradient reaches, why no further, and what to change."""

from bptt import errors
from bptt.lags import LagProfile, by_lag
from bptt.layers import RNN, Grads, Trace
from bptt.network import Network
from bptt.report import Report, diagnose
from bptt.rtrl import forward_mode
from bptt.version import __version__

__all__ = [
    "RNN",
    "Grads",
    "LagProfile",
    "Network",
    "Report",
    "Trace",
    "__version__",
    "by_lag",
    "diagnose",
    "errors",
    "forward_mode",
]
