"""The gradients that stand in a model's .grad: their norm, and what is not finite."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bptt.torch_models.as_found import without_wrappers


def norm(parameters: Iterable[nn.Parameter]) -> float | None:
    """‖grad‖₂ of all parameters as one vector; None if there is no gradient.

    Not finite only where a gradient is not: squares that leave float32 are added up in float64.
    """
    grads = [_values(p.grad) for p in parameters if p.grad is not None]
    if not grads:
        return None
    total = _norm(grads)
    return total if math.isfinite(total) else _norm([g.cpu().double() for g in grads])


def largest(parameters: Iterable[nn.Parameter]) -> float:
    """max |grad| over all entries; 0 if there is no gradient."""
    grads = [_values(p.grad) for p in parameters if p.grad is not None]
    return max((float(g.abs().max()) for g in grads if g.numel()), default=0.0)


def not_finite(model: nn.Module) -> list[str]:
    """Names of what is not finite, in the model's order: parameters, then gradients ("….grad")."""
    if all(_sums_to_a_number(p) for p in model.parameters()):
        return []
    named = [(without_wrappers(name, model), p) for name, p in model.named_parameters()]
    values = [name for name, p in named if not torch.isfinite(p).all()]
    grads = [
        f"{name}.grad"
        for name, p in named
        if p.grad is not None and not torch.isfinite(_values(p.grad)).all()
    ]
    return values + grads


def _sums_to_a_number(p: nn.Parameter) -> bool:
    """Whether parameter and gradient add up to finite numbers: then each entry is one, and that is quicker told."""
    arrays = [p.detach()] if p.grad is None else [p.detach(), _values(p.grad)]
    return all(math.isfinite(float(a.sum())) for a in arrays)


def _norm(grads: list[Tensor]) -> float:
    # One transfer from the device instead of one per parameter.
    parts = [
        torch.linalg.vector_norm(g, dtype=torch.promote_types(g.dtype, torch.float32))
        for g in grads
    ]
    return float(torch.linalg.vector_norm(torch.stack([p.to(parts[0]) for p in parts])))


def _values(grad: Tensor) -> Tensor:
    grad = grad.detach()
    return grad.coalesce().values() if grad.is_sparse else grad
