"""A model's recurrent layers changed to ours and back, in place: only their class changes."""

from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from bptt.errors import OptionError
from bptt.kernels import pool, whole_layer
from bptt.nn.layers import PAIRS
from bptt.nn.taken import DTYPES

BACK = {ours: own for own, ours in PAIRS.items()}


def is_accelerated(module: Any) -> bool:
    """Whether a module is one of ours, in the place of PyTorch's."""
    return type(module) in BACK


@dataclass(frozen=True)
class Exchanged:
    """Which layers of a model have another class now.

    Attributes:
        changed: name in the model, and the class that it has now; "" for the model itself.
        left: name in the model, and why it was left as it is.
    """

    changed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """A line per layer."""
        lines = [f"{name or 'the model'}: now {kind}" for name, kind in self.changed.items()]
        lines += [f"{name or 'the model'}: left, {why}" for name, why in self.left.items()]
        return "\n".join(lines) or "no recurrent layer of PyTorch's in this model"


def accelerate(model: nn.Module) -> Exchanged:
    """Let the compiled loops compute every nn.RNN, nn.GRU and nn.LSTM of a model on a CPU: the same numbers, sooner.

    The layers change their class in place, to that of the same name in ``bptt.nn``. Parameters, buffers, hooks, names and the
    state_dict stay, so optimizers and checkpoints go on. A call that the loops do not take is computed by PyTorch as before.

    Args:
        model: any module.

    Returns:
        what was changed, and what was left and why.

    Raises:
        OptionError: if it is no module.

    >>> import torch, bptt
    >>> model = torch.nn.ModuleDict({"encoder": torch.nn.GRU(3, 8), "head": torch.nn.Linear(8, 2)})
    >>> bptt.accelerate(model)
    encoder: now bptt.nn.GRU
    >>> bptt.restore(model)
    encoder: now torch.nn.GRU
    """
    return _exchange(model, PAIRS, "bptt.nn", _reason)


def restore(model: nn.Module) -> Exchanged:
    """Undo ``accelerate``: every layer of ``bptt.nn`` in a model is PyTorch's own again, in place.

    Memory that the layers kept for their next step is given back to the system.

    Args:
        model: any module.

    Returns:
        what was changed.

    Raises:
        OptionError: if it is no module.
    """
    done = _exchange(model, BACK, "torch.nn", lambda module: None)
    pool.release()
    return done


def _exchange(model: nn.Module, pairs: Any, package: str, reason: Any) -> Exchanged:
    if not isinstance(model, nn.Module):
        raise OptionError(
            "model", "a torch.nn.Module", type(model).__name__, "Pass the module that is trained."
        )
    done = Exchanged()
    for name, module in model.named_modules():
        why = reason(module)
        if why is not None:
            done.left[name] = why
        elif type(module) in pairs:
            module.__class__ = pairs[type(module)]
            done.changed[name] = f"{package}.{type(module).__name__}"
    return done


def _reason(module: Any) -> str | None:
    """Why a layer is left; None if it is changed, or is none."""
    if not isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return None
    kind = type(module)
    if isinstance(module, nn.RNNCellBase):
        return "one step of a cell is as fast in PyTorch"
    if kind in BACK:
        return "it is ours already"
    if is_parametrized(module):
        return "its weights are computed from others"
    if kind not in PAIRS:
        own = "forward" in {
            n for c in kind.__mro__[: kind.__mro__.index(_base(kind))] for n in vars(c)
        }
        return f"a {kind.__name__} {'computes by itself' if own else 'is a class of its own'}"
    if "forward" in vars(module):
        return "its forward was replaced"
    if getattr(module, "proj_size", 0):
        return "its projection is computed by PyTorch"
    if not whole_layer.available:
        return "the compiled loops are missing"
    for W in module.parameters():
        if not W.is_cpu:
            return f"it is on {W.device.type}"
        if W.dtype not in DTYPES:
            return f"its numbers are {str(W.dtype).removeprefix('torch.')}"
    return None


def _base(kind: type) -> type:
    """PyTorch's class that another is made from."""
    return next(c for c in kind.__mro__ if c in PAIRS or c in (nn.RNNBase, nn.RNNCellBase))
