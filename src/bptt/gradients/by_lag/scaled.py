r"""Numbers with their scale kept apart, so that 1e-2000 and 1e+2000 are as good as 1 (Q13).

A signal carried back over thousands of steps leaves the range of float32 after some 100 and that of
float64 after some 1,000. So each row of signals, one per loss step and sequence, carries an integer
exponent e: the row stands for D · 2^e. One scale for all rows would not do: two loss steps can pass
through different stretches of the sequence, and lie further apart than the type's range.
Powers of two change no digit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptt import kernels
from bptt.arrays import Array, squares
from bptt.cells import Cell
from bptt.cells.scales import LOG2, brought_to_one

# Row norms are kept within 2^±REACH: far enough from the range's ends that one step back, and the
# square of what it gives, still fit.
REACH = {np.dtype(np.float32): 40, np.dtype(np.float64): 200}

# What is summed from smaller products than this may have lost digits, or all of them.
SAFE = {np.dtype(np.float32): 1e-20, np.dtype(np.float64): 1e-250}


def outer_sum(dz: Array, e: Array, common: int | None, h_prev: Array) -> "Scaled":
    """Σ over steps and sequences of dz 2^e ⊗ h_prev: one matrix product.

    Args:
        dz: (N, B, G·H) errors.
        e: (N, B) their exponents.
        common: the one that all of them are, or None.
        h_prev: (N, B, H) what the weight multiplied.
    """
    if common is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            total, peak = kernels.outer_in_double(dz, h_prev)
        if SAFE[dz.dtype] < peak < np.inf:
            return Scaled(total, common).normalised(peak)
    # The largest product sets the scale; a row that meets a zero makes none.
    dz, e = brought_to_one(dz, e)
    h_prev, e_h = brought_to_one(h_prev, np.zeros_like(e))
    counts, size = dz.any(-1) & h_prev.any(-1), e + e_h
    if not counts.any():
        return Scaled.zeros((dz.shape[-1], h_prev.shape[-1]))
    top = int(size[counts].max())
    dz = np.ldexp(dz, np.where(counts, size - top, 0)[..., None])
    return Scaled(kernels.outer_in_double(dz, h_prev)[0], top).normalised()


def rows_at_weights(
    cell: Cell, dz: Array, e: Array, h_prev: Array, saved: Array
) -> tuple[Array, Array, Array]:
    """Errors, their exponents and states whose outer products add up to dW_R; see ``Cell.recurrent_rows``.

    Args:
        cell: of the layer.
        dz: (N, B, G·H) errors at what W_R multiplies.
        e: (N, B) their exponents.
        h_prev: (N, B, H) the states before.
        saved: (N, B, ·) what the steps saved.
    """
    errors, states = cell.recurrent_rows(dz, h_prev, saved)
    return errors, np.concatenate([e] * (len(errors) // len(dz))) if errors is not dz else e, states


@dataclass(eq=False)
class Scaled:
    """A float64 matrix times 2^e."""

    M: Array
    e: int = 0

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> "Scaled":
        """The zero matrix."""
        return cls(np.zeros(shape))

    def __iadd__(self, other: "Scaled") -> "Scaled":
        """Add in place, at the larger of the two scales."""
        if self.e == other.e:
            self.M += other.M
        else:
            e = self.scale_with(other)
            self.M = _down(self.M, self.e - e) + _down(other.M, other.e - e)
            self.e = e
        return self

    def scale_with(self, other: "Scaled") -> int:
        """The exponent of the sum: the larger of the two; a zero has no scale of its own."""
        if self.e == other.e or other.is_zero():
            return self.e
        return other.e if self.is_zero() else max(self.e, other.e)

    def is_zero(self) -> bool:
        """Whether every entry is zero."""
        return self.M.flat[0] == 0 and not self.M.any()  # one look is enough, as a rule

    def copy(self) -> "Scaled":
        """A matrix of its own, for ``+=``."""
        return Scaled(self.M.copy(), self.e)

    def __sub__(self, other: "Scaled") -> "Scaled":
        """The difference."""
        difference = Scaled(-other.M, other.e)
        difference += self
        return difference

    def normalised(self, peak: float | None = None) -> "Scaled":
        """Itself, with M brought back to about 1 where its squares would leave the range.

        Args:
            peak: max |M|, where it is known.
        """
        peak = max(float(self.M.max()), -float(self.M.min())) if peak is None else peak
        if 1e-60 < peak and peak * self.M.size < 1e60:
            return self
        if peak:
            shift = int(np.frexp(peak)[1])
            self.M = np.ldexp(self.M, -shift)
            self.e += shift
        return self

    def size(self) -> tuple[float, int]:
        """‖M 2^e‖_F as a number and the power of 2 that it is multiplied by."""
        norm = _frobenius(self.M)
        if 1e-140 < norm < 1e140 or self.is_zero():
            return norm, self.e
        shift = int(np.frexp(np.abs(self.M).max())[1])  # the squares may have left the range
        return _frobenius(np.ldexp(self.M, -shift)), self.e + shift

    def log_norm(self) -> float:
        """ln ‖M 2^e‖_F; -inf for zero."""
        norm, e = self.size()
        return math.log(norm) + e * LOG2 if norm else -math.inf

    def value(self, dtype: np.dtype[np.floating]) -> Array:
        """The matrix itself; infinite or zero where ``dtype`` cannot hold it."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(self.M, max(-5000, min(self.e, 5000))).astype(dtype)


def ratio(part: tuple[float, int], sizes: list[tuple[float, int]]) -> float:
    """A size over the sum of others, to every digit: the difference of two logarithms has fewer. NaN of nothing by nothing.

    Args:
        part: from ``Scaled.size``.
        sizes: the others.
    """
    top = max((e for norm, e in sizes if norm), default=0)
    total = math.fsum(math.ldexp(norm, e - top) for norm, e in sizes if norm)
    if not total:
        return math.inf if part[0] else math.nan
    try:
        return math.ldexp(part[0] / total, part[1] - top)
    except OverflowError:
        return math.inf


def _frobenius(M: Array) -> float:
    """‖M‖_F; infinite, or 0, where the squares leave the range.

    By einsum, which asks no library's threads: one that waits for work takes a core from the loops.
    """
    with np.errstate(over="ignore"):
        return math.sqrt(np.einsum("ij,ij->", M, M))


def _down(M: Array, e: int) -> Array:
    """M 2^e, zero where that is too small; e may be any whole number up to 0, or any at all of a zero."""
    return np.asarray(np.ldexp(M, max(-5000, min(e, 0))))


def normalised(array: Array) -> tuple[Array, int]:
    """The array over 2^e with e such that products of it stay in range; e is 0 for ordinary sizes."""
    size = int(np.frexp(np.abs(array).max())[1])
    if abs(size) <= REACH[array.dtype] // 2:
        return array, 0
    return np.ldexp(array, -size), size


def states_normalised(h: Array) -> tuple[Array, int]:
    """The same of states, unless those of some steps would be lost beside others'."""
    brought, e = normalised(h)
    if e:
        limits, sizes = np.finfo(h.dtype), np.abs(h).max(-1)
        least = sizes[sizes > 0].min(initial=np.inf)
        if np.ldexp(least, -e) < limits.tiny / limits.eps:
            return h, 0
    return brought, e


@dataclass(frozen=True, eq=False)
class Sizes:
    """Squared norms of rows, each times 4^e.

    Attributes:
        squares: (N, B).
        e: (N, B) exponents.
        common: the exponent that all of e are, or None.
        total: what all squares add up to, if somebody knows it.
        by_step: (N,) ln of the norm of each step's rows, if somebody knows it.
    """

    squares: Array
    e: Array
    common: int | None
    total: float | None = None
    by_step: Array | None = None

    @classmethod
    def of(cls, D: Array, e: Array) -> "Sizes":
        """Of rows D 2^e, however small their squares are.

        Args:
            D: (N, B, ·).
            e: (N, B) exponents.
        """
        s = squares(D)
        if s.size and s.min() < SAFE[np.dtype(np.float64)]:
            D, e = brought_to_one(D, e)
            s = squares(D)
        return cls(s, e, None)

    def log_norm(self, keep: Array | None = None) -> float:
        """ln of the norm of all rows together, or of those of (N, B) ``keep``; -inf where all are zero."""
        if keep is None:
            return log_norm(self.squares, self.e, self.common, self.total)
        return log_norm(self.squares * keep, self.e, self.common)

    def part(self, cut: int, total: float | None = None) -> "Sizes":
        """Without the first ``cut`` of the rows; what the others' squares add up to, if somebody knows it."""
        return Sizes(self.squares[cut:], self.e[cut:], self.common, total if cut else self.total)

    def log_norms(self, axis: int) -> Array:
        """The same along one axis."""
        if axis == 1 and self.by_step is not None:
            return self.by_step
        return log_norms(self.squares, self.e, self.common, axis)


def log_norm(s: Array, e: Array, common: int | None, total: float | None = None) -> float:
    """ln √(Σ s 4^e) over all rows; -inf where all are zero.

    Args:
        s: (N, B) squares of rows.
        e: (N, B) their exponents.
        common: the exponent that all of e are, or None.
        total: Σ s, if somebody knows it.
    """
    if common is None:
        return float(log_norms(s.reshape(-1), e.reshape(-1), None, 0))
    if total is None:
        total = float(s.sum(dtype=np.float64))
    return 0.5 * math.log(total) + LOG2 * common if total > 0 else -math.inf


def log_norms(s: Array, e: Array, common: int | None, axis: int) -> Array:
    """The same along one axis.

    Args:
        s: (N, B) squares of rows.
        e: (N, B) their exponents.
        common: the exponent that all of e are, or None.
        axis: along which they are added.
    """
    with np.errstate(divide="ignore"):
        if common is not None:
            return np.asarray(0.5 * np.log(s.sum(axis, dtype=np.float64)) + LOG2 * common)
        log_squares = np.where(s > 0, np.log(s, dtype=np.float64) + 2 * LOG2 * e, -np.inf)
        return np.asarray(0.5 * np.logaddexp.reduce(log_squares, axis))


def log_size(states: Sequence[Array]) -> float:
    """ln of the norm of all states together; 0 of nothing."""
    peak = max(float(np.abs(h).max()) for h in states)
    if 1e-150 < peak < 1e130:
        return 0.5 * float(np.log(sum(float(squares(h).sum(dtype=np.float64)) for h in states)))
    if peak == 0:
        return 0.0
    total = sum(float(np.square(h / peak, dtype=np.float64).sum()) for h in states)
    return float(np.log(peak)) + 0.5 * float(np.log(total))
