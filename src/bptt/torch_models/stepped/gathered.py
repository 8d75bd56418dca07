"""What the walks gather: every G_k with a scale of its own, and the sizes of the signal on its way back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))
LOW = -(2**30)  # the exponent of zero
SIZES = ("leaving", "entering", "at_map", "through_map")


@dataclass(eq=False)
class Gathered:
    """Of one step.

    Attributes:
        params: of the step, by name.
        steps: T, calls along the longest way.
        lags: K.
        e: (K,) exponents of what is gathered.
    """

    params: Mapping[str, Tensor]
    steps: int
    lags: int
    e: Array = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is gathered yet."""
        self.e = np.full(self.lags, LOW)
        self._G: dict[str, Tensor] = {}  # (K, ·) where several calls add to one lag
        self._alone: dict[int, Mapping[str, Tensor]] = {}  # by lag, where one did
        self._signal = np.full((self.steps, self.lags), -np.inf)
        self._pairs = np.zeros((self.steps, self.lags), int)
        self._sizes = {name: np.full(self.lags, -np.inf) for name in SIZES}

    def add(self, lags: Array, e: Array, grads: Mapping[str, Tensor]) -> None:
        """Parts of some G_k.

        Args:
            lags: (R,) no lag twice.
            e: (R,) exponents.
            grads: (R, ·) by parameter, over 2^e.
        """
        if len(lags) == 1 and self.e[lags[0]] == LOW:
            self._alone[int(lags[0])] = {name: value[0] for name, value in grads.items()}
            self.e[lags] = e
            return
        for k in lags.tolist():
            for name, value in self._alone.pop(k, {}).items():
                self._whole(name)[k] += value.reshape(-1)
        new = np.maximum(self.e[lags], e)
        ours, theirs = self.e[lags] - new, e - new
        for name, value in grads.items():
            whole = self._whole(name)
            at = torch.from_numpy(lags).to(whole.device)
            part = value.reshape(len(lags), -1).to(whole.dtype)
            part = at_scale(part, theirs)
            if ours.any():
                whole[at] = at_scale(whole[at], ours)
            whole.index_add_(0, at, part)
        self.e[lags] = new

    def _whole(self, name: str) -> Tensor:
        if name not in self._G:
            own = self.params[name]
            wide = torch.promote_types(own.dtype, torch.float32)
            self._G[name] = own.new_zeros(self.lags, own.numel(), dtype=wide).detach()
        return self._G[name]

    def signal(self, t: Array, k: Array, sums: Tensor, e: Array) -> None:
        """Squares of the signal of some loss steps, each at one lag.

        Args:
            t: (R,) the loss steps.
            k: (R,) the lags.
            sums: (R, B) in float64.
            e: (R,) exponents of the signal itself.
        """
        pairs = np.asarray((sums > 0).sum(1).cpu().numpy())
        log = logs(sums.sum(1), e)
        self._signal[t, k] = np.logaddexp(self._signal[t, k], log)
        self._pairs[t, k] += pairs

    def rows_signal(self, t: Array, k: int, sums: Array, e: int) -> None:
        """The same of rows of one lag.

        Args:
            t: (n,) the loss step of each.
            k: the lag.
            sums: (n,) squares of each.
            e: the exponent of all.
        """
        by_step = np.bincount(t, sums, self.steps)
        with np.errstate(divide="ignore"):
            self._signal[:, k] = np.logaddexp(self._signal[:, k], np.log(by_step) + 2 * LN2 * e)
        self._pairs[:, k] += np.bincount(t[sums > 0], minlength=self.steps)

    def size(self, name: str, k: Array, sums: Tensor, e: Array) -> None:
        """Squares of one of ``SIZES``, of the errors that take the step from lag k on.

        Args:
            name: of it.
            k: (R,) the lags.
            sums: (R,) in float64.
            e: (R,) exponents of the errors themselves.
        """
        np.logaddexp.at(self._sizes[name], k, logs(sums, e))

    def size_of_lag(self, name: str, k: int, norm: float, e: int) -> None:
        """The same of one lag.

        Args:
            name: of it.
            k: the lag.
            norm: of the errors.
            e: their exponent.
        """
        if norm > 0:
            log = 2 * (float(np.log(norm)) + LN2 * e)
            self._sizes[name][k] = np.logaddexp(self._sizes[name][k], log)

    @property
    def log10_signal(self) -> Array:
        """(K,) log10 of the RMS over loss steps and sequences."""
        whole = np.logaddexp.reduce(self._signal, axis=0)
        pairs = np.maximum(1, self._pairs.sum(0))
        return np.asarray((whole - np.log(pairs)) / (2 * LN10))

    @property
    def log10_signal_by_step(self) -> Array:
        """(T, K) the same of each loss step."""
        return np.asarray(
            (self._signal - np.log(np.maximum(1, self._pairs))) / (2 * LN10), np.float32
        )

    def gain(self, after: str, before: str) -> Array:
        """(K-1,) ln of one size over another, in the step from lag k on."""
        return self._ratio(self._sizes[after][:-1], before)

    def growth(self, before: str) -> Array:
        """(K-1,) ln of the signal at lag k+1 over a size at lag k."""
        return self._ratio(np.logaddexp.reduce(self._signal, axis=0)[1:], before)

    def _ratio(self, after: Array, before: str) -> Array:
        with np.errstate(invalid="ignore"):
            return np.asarray((after - self._sizes[before][:-1]) / 2)

    def parts(self, k: int) -> tuple[dict[str, Array], int]:
        """G_k of every parameter in float64, and the exponent of all of them."""
        exponent = int(self.e[k]) if self.e[k] > LOW else 0
        found = self._alone.get(k) or {name: whole[k] for name, whole in self._G.items()}
        shapes = {name: value.shape for name, value in self.params.items()}
        return {
            name: as_array(value.reshape(shapes[name])) for name, value in found.items()
        }, exponent

    def let_go(self, k: int) -> None:
        """What was gathered of one lag, where that stands alone, is no longer needed."""
        self._alone.pop(k, None)


def at_scale(rows: Tensor, e: Array) -> Tensor:
    """Rows 2^e, an exponent for each: in two factors, because what brings 1e-90 to one may be beyond the type.

    Args:
        rows: (R, ...).
        e: (R,) exponents.
    """
    if not e.any():
        return rows
    most = int(np.log2(torch.finfo(real(rows)).max))
    half = np.clip(e, -2 * most, 2 * most) // 2
    for part in (half, np.clip(e, -2 * most, 2 * most) - half):
        factors = torch.from_numpy(np.ldexp(1.0, part.astype(int))).to(rows.device, real(rows))
        rows = rows * factors.reshape(-1, *[1] * (rows.ndim - 1))
    return rows


def real(like: Tensor) -> torch.dtype:
    """The type of real numbers that goes with a tensor's."""
    return torch.empty(0, dtype=like.dtype).real.dtype if like.is_complex() else like.dtype


def as_array(value: Tensor) -> Array:
    """In double precision, complex where the tensor is."""
    wide = torch.complex128 if value.is_complex() else torch.float64
    return np.asarray(value.detach().to(wide).cpu().resolve_conj().resolve_neg().numpy())


def squares_of(parts: Sequence[Tensor], axis: int) -> Tensor:
    """(R, B) the sum of squares of every row's sequences, in float64.

    Args:
        parts: (R, ...) each; where their sizes along the axis differ, or one has none, all is one sequence.
        axis: along which the sequences lie, counted behind the rows.
    """
    sizes = {part.shape[1 + axis] if part.ndim > 1 + axis else None for part in parts}
    apart = len(sizes) == 1 and None not in sizes
    total = torch.zeros(())
    for part in parts:
        square = part.abs().double().square()
        square = square.movedim(1 + axis, 1) if apart else square[:, None]
        total = total.to(square.device) + square.reshape(*square.shape[:2], -1).sum(2)
    return total


def norms_of_rows(parts: Sequence[Tensor]) -> Array:
    """(P, R) the norm of every row of every part, in float64."""
    norms = [
        torch.linalg.vector_norm(part.reshape(len(part), -1), dim=1, dtype=_wide(part)).real
        for part in parts
    ]
    return np.asarray(torch.stack(norms).cpu().numpy())


def norm(parts: Sequence[Tensor]) -> float:
    """Of several tensors together, each in its own type, whose largest entries decide."""
    return math.hypot(*[float(torch.linalg.vector_norm(part)) for part in parts])


def totals(parts: Sequence[Tensor]) -> Tensor:
    """The same in the type of the errors, whose largest decide: rows of one loss step, or of all."""
    norms = [torch.linalg.vector_norm(part.reshape(len(part), -1), dim=1) for part in parts]
    return torch.stack(norms).double().square().sum(0)


def _wide(like: Tensor) -> torch.dtype:
    return torch.complex128 if like.is_complex() else torch.float64


def logs(sums: Tensor, e: Array) -> Array:
    """(R,) ln of squares of what stands over 2^e."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(sums.cpu().numpy()) + 2 * LN2 * e)
