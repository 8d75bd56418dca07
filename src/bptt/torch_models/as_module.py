"""What may be passed as a PyTorch model, and the module that is measured."""

from typing import Any

import torch
from torch import nn

from bptt.errors import OptionError

RECURRENT = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")


def is_module(model: Any) -> bool:
    """Whether it is a torch.nn.Module, or a skorch net, which holds one."""
    return isinstance(model, nn.Module) or _of_skorch(model)


def as_module(model: Any) -> nn.Module:
    """The module to measure: the model itself, or the ``module_`` of a skorch net.

    Args:
        model: a torch.nn.Module, wrapped in what PyTorch has or not, or a skorch net.

    Raises:
        OptionError: if it is neither, a net that is not initialised, or has a recurrent layer that was compiled
            by torch.jit, whose calls cannot be seen.
    """
    if _of_skorch(model):
        held = vars(model).get("module_")
        if not isinstance(held, nn.Module):
            raise OptionError(
                "model", "a skorch net that holds its module",
                f"a {type(model).__name__} without module_", "Call net.initialize() or net.fit(...) first.",
            )  # fmt: skip
        model = held
    if not isinstance(model, nn.Module):
        raise OptionError(
            "model", "a torch.nn.Module", type(model).__name__, "Pass the model that is trained."
        )
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) and module.original_name in RECURRENT:
            raise OptionError(
                "model", "recurrent layers that run in Python",
                f"{name or 'a model'} compiled by torch.jit ({module.original_name})",
                "Pass the model as it was before torch.jit.script or torch.jit.trace.",
            )  # fmt: skip
    return model


def _of_skorch(model: Any) -> bool:
    """Whether it is a net of skorch, of which nothing is imported here."""
    nets = (kind for kind in type(model).__mro__ if kind.__name__ == "NeuralNet")
    return any(kind.__module__.startswith("skorch.") for kind in nets)
