"""A PyTorch model, its batch and its loss, as they are asked for where a ``bptt.Network`` would do too."""

import inspect
import sys
from collections.abc import Callable
from typing import Any

from bptt.errors import OptionError

AS_FUNCTION = "lambda model, batch: criterion(model(batch[0]), batch[1])"
TARGETS = (
    "target",
    "targets",
    "label",
    "labels",
    "y_true",
)  # what a criterion calls its second argument


def module_with_loss(model: Any, loss: Any) -> Any:
    """The model as a ``torch.nn.Module``.

    Args:
        model: of the user.
        loss: of the user.

    Raises:
        OptionError: if the model is none, or the loss is no function of a model and a batch.
    """
    known = "torch" in sys.modules  # whoever has such a model has imported it
    if known:
        from bptt.torch_models import as_module, is_module
    if not known or not is_module(model):
        raise OptionError(
            "model", "a bptt.Network or a torch.nn.Module", type(model).__name__,
            "Build one: bptt.Network(bptt.RNN(W_F, W_R, b), W_O, b_O).",
        )  # fmt: skip
    if not callable(loss):
        raise OptionError(
            "loss", "a function, called as loss(model, batch)", described(loss), f"For example {AS_FUNCTION}.",
        )  # fmt: skip
    if _is_criterion(loss):
        raise OptionError(
            "loss", "a function, called as loss(model, batch)",
            f"{described(loss)}, which takes outputs and targets", f"Pass {AS_FUNCTION}.",
        )  # fmt: skip
    return as_module(model)


def one_batch(model: Any, batch: Any, loss: Any) -> None:
    """Refuse arguments in another order, and a loader in the place of a batch.

    Args:
        model: of the user.
        batch: of the user.
        loss: of the user.

    Raises:
        OptionError: naming what stands where.
    """
    if "torch" not in sys.modules:
        return
    from torch import nn
    from torch.utils.data import DataLoader

    if isinstance(batch, nn.Module) and not isinstance(model, nn.Module):
        raise OptionError(
            "model", "the model, then the batch", f"{described(model)}, and then {type(batch).__name__}",
            "Call bptt.diagnose(model, batch, loss).",
        )  # fmt: skip
    if callable(batch) and not callable(loss):
        raise OptionError(
            "batch", "the batch, then the loss", f"{described(batch)}, and then {described(loss)}",
            "Call bptt.diagnose(model, batch, loss).",
        )  # fmt: skip
    if isinstance(batch, DataLoader):
        raise OptionError(
            "batch", "one batch, as loss(model, batch) takes it", "a DataLoader",
            "Pass one of its batches: next(iter(loader)).",
        )  # fmt: skip


def described(value: Any) -> str:
    """What something is, in a few words: its numbers are never written out.

    >>> described(None), described(3), described((1.0, [2.0]))
    ('None', '3', 'a tuple of float and list')
    """
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple | list) and len(value) <= 4:
        return f"a {type(value).__name__} of {' and '.join(type(each).__name__ for each in value) or 'nothing'}"
    return getattr(value, "__name__", type(value).__name__)


def _is_criterion(loss: Callable[..., Any]) -> bool:
    """Whether it is a function of outputs and targets, as those of PyTorch are."""
    from torch import nn

    called = loss.forward if isinstance(loss, nn.Module) else loss
    try:
        names = list(inspect.signature(called).parameters)
    except (TypeError, ValueError):  # of a function in C nothing is known
        return False
    return len(names) > 1 and names[1] in TARGETS


def none_of_its_own(**given: Any) -> None:
    """Refuse what a ``bptt.Network`` has itself.

    Args:
        given: arguments by name; each must be None.

    Raises:
        OptionError: naming the first that is not.
    """
    for name, value in given.items():
        if value is not None:
            raise OptionError(
                name,
                "None for a bptt.Network, which has its own",
                described(value),
                "Leave it out.",
            )
