"""Whether an accelerated model still is the model that it was: one pass of each, compared."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from bptt.errors import AgreementError, OptionError
from bptt.nn.exchange import accelerate, restore

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
Loss = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class Agreement:
    """How far an accelerated model lies from PyTorch's, relative to the largest number of each tensor.

    Attributes:
        outputs: the largest difference of what the model returns, or of the loss.
        gradients: of the gradient by each parameter, by its name, and by the batch's own tensors.
        layers: how many layers were accelerated.
    """

    outputs: float
    gradients: dict[str, float]
    layers: int

    def __repr__(self) -> str:
        """One sentence."""
        worst = max(self.gradients, key=lambda name: self.gradients[name], default="")
        of = f", gradients to {self.gradients[worst]:.0e} ({worst})" if worst else ""
        plural = "s" * (self.layers != 1)
        return f"{self.layers} layer{plural} accelerated: outputs agree to {self.outputs:.0e}{of}"


def check(model: nn.Module, batch: Any, loss: Loss | None = None) -> Agreement:
    """Run a model once with PyTorch's layers and once accelerated, and compare outputs and gradients.

    Copies are run, from the same random numbers: the model stays as it is, accelerated or not.

    Args:
        model: the model.
        batch: what it takes: called as model(batch), of a tuple model(*batch), of a dict model(**batch).
        loss: called as loss(model, batch), if that is not how it is called; returns the loss before ``.backward()``.

    Returns:
        how far they lie apart.

    Raises:
        OptionError: if there is no layer to accelerate, or the model returns no tensor to compare.
        AgreementError: if they differ by more than rounding.

    >>> import torch, bptt
    >>> model = torch.nn.LSTM(3, 8, num_layers=2, dropout=0.5, dtype=torch.float64)
    >>> agreement = bptt.nn.check(model, torch.ones(20, 4, 3, dtype=torch.float64))
    >>> agreement.layers, agreement.outputs < 1e-12, max(agreement.gradients.values()) < 1e-12
    (1, True, True)
    """
    own, ours = deepcopy(model), deepcopy(model)
    restore(own)
    restore(ours)
    exchanged = accelerate(ours)
    if not exchanged.changed:
        raise OptionError(
            "model",
            "a layer that can be accelerated",
            repr(exchanged),
            "There is nothing to compare.",
        )
    outputs, gradients = _run(own, batch, loss)
    outputs_, gradients_ = _run(ours, batch, loss)
    off = [_apart(a, b) for a, b in zip(outputs, outputs_, strict=True)]
    off_by = {
        name: _apart(gradients[name], gradients_[name])
        for name in gradients
        if gradients[name] is not None
    }
    largest, name = max(
        [(max(off, key=_key), "outputs"), *((v, k) for k, v in off_by.items())],
        key=lambda p: _key(p[0]),
    )
    tolerance = max(TOLERANCE.get(o.dtype, TOLERANCE[torch.float32]) for o in outputs)
    if not largest <= tolerance:
        raise AgreementError(
            name, f"PyTorch's numbers, to {tolerance:.0e}", f"a difference of {largest:.1e}",
            "Where states explode, rounding grows with them: check again after model.double(). "
            "bptt.restore(model) gives PyTorch's own layers back.",
        )  # fmt: skip
    return Agreement(max(off), off_by, len(exchanged.changed))


def _run(
    model: nn.Module, batch: Any, loss: Loss | None
) -> tuple[list[Tensor], dict[str, Tensor | None]]:
    """What comes out, and the gradients of it, summed up with fixed weights."""
    batch = tree_map(_asking, batch)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        if loss is not None:
            result = loss(model, batch)
        elif isinstance(batch, dict):
            result = model(**batch)
        else:
            result = model(*batch) if isinstance(batch, tuple | list) else model(batch)
        outputs = [
            t for t in tree_leaves(result) if isinstance(t, Tensor) and t.is_floating_point()
        ]
        if not outputs:
            raise OptionError(
                "batch", "a model that returns tensors", type(result).__name__,
                "Pass a loss: check(model, batch, loss).",
            )  # fmt: skip
        generator = torch.Generator().manual_seed(0)
        total = sum(
            (o * torch.randn(o.shape, generator=generator).to(o)).sum()
            for o in outputs
            if o.requires_grad
        )
    asked: dict[str, Tensor] = {name: p for name, p in model.named_parameters() if p.requires_grad}
    asked |= {f"batch[{n}]": t for n, t in enumerate(_tensors(batch)) if t.requires_grad}
    grads: Any = [None] * len(asked)
    if isinstance(total, Tensor):
        grads = torch.autograd.grad(total, list(asked.values()), allow_unused=True)
    return [o.detach() for o in outputs], dict(zip(asked, grads, strict=True))


def _tensors(batch: Any) -> list[Tensor]:
    return [t for t in tree_leaves(batch) if isinstance(t, Tensor)]


def _asking(value: Any) -> Any:
    """A tensor of numbers as one whose gradient is asked for; anything else as it is."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().clone().requires_grad_()
    return value


def _apart(a: Tensor | None, b: Tensor | None) -> float:
    """The largest difference, over the largest number; NaNs in the same places are alike."""
    if a is None or b is None or a.shape != b.shape:
        return 0.0 if a is b else float("nan")
    if not a.numel():
        return 0.0
    off = (a - b).abs()
    off[a == b] = 0  # infinities too
    off[a.isnan() & b.isnan()] = 0
    largest = a[a.isfinite()].abs().max() if bool(a.isfinite().any()) else torch.ones(())
    return float(off.max() / largest.clamp(min=torch.finfo(a.dtype).tiny))


def _key(off: float) -> float:
    """NaN is the largest."""
    return off if off == off else float("inf")
