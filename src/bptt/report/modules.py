"""A PyTorch model and its loss, as they are asked for where a ``bptt.Network`` would do too."""

import sys
from typing import Any

from bptt.errors import OptionError


def module_with_loss(model: Any, loss: Any) -> Any:
    """The model as a ``torch.nn.Module``.

    Args:
        model: of the user.
        loss: of the user.

    Raises:
        OptionError: if the model is none, or the loss cannot be called.
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
            "loss", "a function, called as loss(model, batch)", repr(loss),
            "For example lambda model, batch: criterion(model(batch[0]), batch[1]).",
        )  # fmt: skip
    return as_module(model)


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
                name, "None for a bptt.Network, which has its own", repr(value), "Leave it out."
            )
