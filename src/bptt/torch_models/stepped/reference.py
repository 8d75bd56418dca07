"""What autograd says of a model as it stands, and how a model is held while it is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bptt.errors import NonFiniteError
from bptt.torch_models.as_found import eagerly, untouched
from bptt.torch_models.capture import Loss, one_number


@contextmanager
def held(model: nn.Module, modules: dict[str, nn.Module]) -> Iterator[None]:
    """Within it the model runs as it is written; afterwards all is as it was.

    Of a step whose parameters are all frozen they get gradients for the while.

    Args:
        model: the user's.
        modules: the steps.
    """
    with (
        untouched(model),
        eagerly(model),
        torch.enable_grad(),
        torch.backends.cudnn.flags(enabled=False),
    ):
        for module in modules.values():
            own = list(module.parameters())
            for parameter in () if any(p.requires_grad for p in own) else own:
                if parameter.is_floating_point() or parameter.is_complex():
                    parameter.requires_grad_(True)
        yield


@dataclass(frozen=True, eq=False)
class Reference:
    """What autograd says of a model as it stands.

    Attributes:
        E: the loss.
        grads: by the id of a parameter, None where the loss does not depend on it.
    """

    E: float
    grads: dict[int, Tensor | None]


def reference(model: nn.Module, batch: Any, loss: Loss, modules: dict[str, nn.Module]) -> Reference:
    """An ordinary forward and backward pass.

    Args:
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        modules: the steps whose parameters are asked for.

    Raises:
        OptionError: if the loss is no number.
        NonFiniteError: if it is not finite.
    """
    with held(model, modules):
        E = loss(model, batch)
        one_number(E)
        value = float(E.detach())
        if not np.isfinite(value):
            raise NonFiniteError(
                "loss", "a finite number", str(value), "Look where it first appears."
            )
        params = [p for module in modules.values() for p in module.parameters() if p.requires_grad]
        grads: Any = [None] * len(params)
        if E.requires_grad and params:
            grads = torch.autograd.grad([E], params, allow_unused=True)
    return Reference(value, {id(p): grad for p, grad in zip(params, grads, strict=True)})
