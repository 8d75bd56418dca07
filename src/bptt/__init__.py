"""How far back in time a recurrent network's gradient reaches, why no further, and what to change."""

from bptt import dynamics, errors
from bptt.by_step import StepProfile, by_step
from bptt.dynamics import lyapunov
from bptt.kernels.threads import get_num_threads, set_num_threads
from bptt.lags import LagProfile, Truncation, by_lag
from bptt.layers import GRU, LSTM, RNN, Bidirectional, Grads, Stack, Trace
from bptt.network import Network
from bptt.report import Report, diagnose
from bptt.rtrl import forward_mode
from bptt.truncated import truncated_bptt
from bptt.version import __version__

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Grads",
    "LagProfile",
    "Network",
    "Report",
    "Stack",
    "StepProfile",
    "Trace",
    "Truncation",
    "__version__",
    "by_lag",
    "by_step",
    "diagnose",
    "dynamics",
    "errors",
    "forward_mode",
    "get_num_threads",
    "lyapunov",
    "set_num_threads",
    "truncated_bptt",
]
