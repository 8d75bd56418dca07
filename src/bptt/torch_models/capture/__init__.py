"""One forward pass of the user's loss, the recurrent calls in it, and how they go on from one another."""

from bptt.torch_models.capture.calls import Call
from bptt.torch_models.capture.joins import Chain, Start
from bptt.torch_models.capture.observed import (
    Captured,
    Errors,
    Loss,
    NotPyTorchs,
    capturing,
    one_number,
    recurrent_modules,
)

__all__ = [
    "Call",
    "Captured",
    "Chain",
    "Errors",
    "Loss",
    "NotPyTorchs",
    "Start",
    "capturing",
    "one_number",
    "recurrent_modules",
]
