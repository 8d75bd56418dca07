"""How far back in time a recurrent network's gradient reaches, why no further, and what to change."""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt import errors

try:
    from bptt import kernels  # noqa: F401  # the only import that reads the environment
except errors.OptionError as error:
    # Only a program that imports the library can catch this; `bptt` and `python -m bptt` import it before they can.
    if sys.argv[0] == "-m" or Path(sys.argv[0]).stem == "bptt":
        print(f"bptt: {error}", file=sys.stderr)
        sys.exit(2)
    raise

from bptt import dynamics
from bptt.dynamics import lyapunov
from bptt.gradients.by_lag import LagProfile, Truncation, by_lag
from bptt.gradients.by_step import StepProfile, by_step
from bptt.gradients.forward_mode import forward_mode
from bptt.gradients.truncated import truncated_bptt
from bptt.kernels.threads import get_num_threads, set_num_threads
from bptt.layers import GRU, LSTM, RNN, Bidirectional, ChoGRU, Grads, Stack, Trace
from bptt.network import Network
from bptt.report import Report, diagnose, prognosis
from bptt.version import __version__

if TYPE_CHECKING:
    from bptt import nn
    from bptt.comparison import compare
    from bptt.installation import doctor
    from bptt.models import from_keras, from_onnx
    from bptt.monitor import Monitor
    from bptt.nn import accelerate, restore
    from bptt.sweeps import sweep
    from bptt.torch_models import from_torch, to_torch

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "ChoGRU",
    "Grads",
    "LagProfile",
    "Monitor",
    "Network",
    "Report",
    "Stack",
    "StepProfile",
    "Trace",
    "Truncation",
    "__version__",
    "accelerate",
    "by_lag",
    "by_step",
    "compare",
    "diagnose",
    "doctor",
    "dynamics",
    "errors",
    "forward_mode",
    "from_keras",
    "from_onnx",
    "from_torch",
    "get_num_threads",
    "lyapunov",
    "nn",
    "prognosis",
    "restore",
    "set_num_threads",
    "sweep",
    "to_torch",
    "truncated_bptt",
]

# Imported when they are asked for.
_LATER = {
    "Monitor": "monitor",
    "accelerate": "nn",
    "compare": "comparison",
    "doctor": "installation",
    "from_keras": "models",
    "from_onnx": "models",
    "from_torch": "torch_models",
    "restore": "nn",
    "to_torch": "torch_models",
    "sweep": "sweeps",
}
_SUBPACKAGES = {*_LATER.values(), "configuration"}


def __dir__() -> list[str]:
    """The public names: for the Tab key."""
    return sorted(__all__)


if not TYPE_CHECKING:  # a type checker would take any name for one that exists

    def __getattr__(name: str) -> Any:
        """What is imported later, and the subpackages themselves."""
        if name in _SUBPACKAGES:
            return import_module(f"bptt.{name}")
        if name in _LATER:
            return getattr(import_module(f"bptt.{_LATER[name]}"), name)
        raise AttributeError(f"module 'bptt' has no attribute {name!r}")
