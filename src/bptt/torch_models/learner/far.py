"""What steps of one's own and scans have in common where a look ahead measures them: errors of one loss step, and their sums."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.prognoses import near_lag
from bptt.torch_models.capture import Loss
from bptt.torch_models.nonfinite import where_not_finite

MOST_FEATURES = 2**24  # numbers of the tangent features of one group: of more form is left out
TOO_MANY = "Form is left out: the recurrence has too many parameters for the features of every sequence to be held."
BANDS = 3


def centred(error: Tensor, taken: Tensor, axis: int) -> Tensor:
    """The errors of some sequences without their mean, its bias taken off; zero for the others.

    Args:
        error: of one loss step.
        taken: (B,) which sequences have one there.
        axis: along which they lie.
    """
    n = int(taken.sum())
    if error.ndim <= axis or not n:
        return torch.zeros_like(error)
    counted = taken.reshape((1,) * axis + (-1,) + (1,) * (error.ndim - axis - 1))
    mean = (error * counted).sum(axis, keepdim=True) / n
    return (error - mean) * counted * (n / max(1, n - 1))


def band_of(k: int, lag: int) -> int:
    """Of far, middle and near lags, the number of the band that one lies in: from the needed lag on, from half of it on, less."""
    return 0 if k >= lag else 1 if k >= near_lag(lag) else 2


class Bands:
    """The gradient of some parameters, gathered by ``band_of``.

    Args:
        params: by name.
    """

    def __init__(self, params: Mapping[str, Tensor]) -> None:
        self._sums = [{n: torch.zeros_like(p) for n, p in params.items()} for _ in range(BANDS)]

    def add(self, band: int, grads: Mapping[str, Tensor]) -> None:
        """More of one band."""
        for name, grad in grads.items():
            self._sums[band][name] += grad

    def rows(self) -> Array:
        """(3, P) as ``Joined.bands`` has them."""
        rows = [_flat([*sums.values()]) for sums in self._sums]
        return np.asarray(np.cumsum(rows, axis=0)[::-1])


def _flat(parts: Sequence[Tensor]) -> Array:
    """(P,) all of them, of complex numbers real and imaginary parts."""
    return np.concatenate([np.zeros(0), *(as_row(part).astype(np.float64) for part in parts)])


def as_row(part: Tensor) -> Array:
    """(·,) the numbers of a tensor, of complex ones real and imaginary parts."""
    part = part.detach().resolve_conj()
    real = torch.view_as_real(part) if part.is_complex() else part
    return np.asarray(real.reshape(-1).cpu().numpy())


def log10_left(squares: Sequence[float], lag: int) -> float:
    """log10 of the signal at a lag over that at the first that has one; -inf where none is left.

    Args:
        squares: mean squares of it by lag.
        lag: that the task needs.
    """
    first = next((k for k, square in enumerate(squares) if square > 0), None)
    lag = lag if first is None else max(lag, first)
    if first is None or lag >= len(squares) or not squares[lag] > 0:
        return -np.inf
    return float(0.5 * (np.log10(squares[lag]) - np.log10(squares[first])))


def refuse_not_finite(
    E: float, errors: Iterable[Tensor | None], model: nn.Module, batch: Any, loss: Loss
) -> None:
    """Refuse a loss, or what it sends back, that is not finite.

    Args:
        E: the loss.
        errors: what it sends back.
        model: the user's.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).

    Raises:
        NonFiniteError: saying where it begins.
    """
    bad = None
    if not np.isfinite(E):
        bad = "loss", "a finite number", str(E)
    elif not all(error is None or bool(error.isfinite().all()) for error in errors):
        bad = "the gradient of the loss", "finite numbers", "some that are not"
    if bad is not None:
        raise NonFiniteError(*bad, where_not_finite(model, batch, loss))
