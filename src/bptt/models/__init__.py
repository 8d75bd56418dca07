"""A file or a name in, a network out, with the data that it reads: for every command and the live page."""

from bptt.models.elsewhere import from_keras, from_onnx
from bptt.models.fitting import fitted, noise_for, with_readout_for
from bptt.models.found import shortened
from bptt.models.model import Model
from bptt.models.opening import fresh, load
from bptt.models.saved import SavedModel, read, saved_model

__all__ = [
    "Model",
    "SavedModel",
    "fitted",
    "fresh",
    "from_keras",
    "from_onnx",
    "load",
    "noise_for",
    "read",
    "saved_model",
    "shortened",
    "with_readout_for",
]
