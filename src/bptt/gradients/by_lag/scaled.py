r"""Numbers with their scale kept apart, so that 1e-2000 and 1e+2000 are as good as 1 (Q13).

A signal carried back over thousands of steps leaves the range of float32 after some 100 and that of
float64 after some 1,000. So each row of signals, one per loss step and sequence, carries an integer
exponent e: the row stands for D · 2^e. One scale for all rows would not do: two loss steps can pass
through different stretches of the sequence, and lie further apart than the type's range.
Powers of two change no digit.
"""

import math
from dataclasses import dataclass

import numpy as np

from bptt import kernels
from bptt.arrays import Array, squares

LOG2 = math.log(2.0)
# Row norms are kept within 2^±REACH: far enough from the range's ends that one step back, and the
# square of what it gives, still fit.
REACH = {np.dtype(np.float32): 40, np.dtype(np.float64): 200}


@dataclass(eq=False)
class Rows:
    """Error signals at consecutive steps of many sequences.

    Attributes:
        first: the step that row 0 stands at.
        D: (N, B, S) signals, each row times 2^e.
        e: (N, B) exponents.
        reach: (N, B) whether the error of some loss step has got here (it may have become zero).
        squares: (N, B) Σ D², of D as stored.
        alive: (N, B) False once a row has become zero.
        common: the exponent that all rows have, or None where they differ.
    """

    first: int
    D: Array
    e: Array
    reach: Array
    squares: Array
    alive: Array
    common: int | None

    @classmethod
    def of(
        cls,
        first: int,
        D: Array,
        e: Array,
        reach: Array,
        known: Array | None = None,
        common: int | None = None,
    ) -> "Rows":
        """Rows of the true size D 2^e, brought within range; D and e are changed in place.

        Args:
            first: the step of the first rows.
            D: (N, B, S) over 2^e.
            e: (N, B) exponents.
            reach: (N, B) where a signal stands.
            known: the squares of D, if somebody has them.
            common: the exponent that all of e are, if somebody knows it.
        """
        s = squares(D) if known is None else known
        common = one_exponent(e) if common is None else common
        rows = cls(first, D, e, reach, s, np.ones(e.shape, bool), common)
        rows.rescale()
        return rows

    @property
    def last(self) -> int:
        """The step behind the last row's."""
        return self.first + len(self.D)

    def rescale(self) -> None:
        """Bring row norms back that left 2^±REACH, exactly."""
        reach = REACH[self.D.dtype]
        low, high = 4.0**-reach, 4.0**reach
        if low <= self.squares.min() and self.squares.max() <= high:
            return
        astray = ~((self.squares >= low) & (self.squares <= high))
        self.alive[astray] = self.D[astray].any(-1)
        astray &= self.alive
        if not astray.any():
            return
        # One scale for all while they lie close enough: a sum over rows then needs no alignment.
        size = self.e + np.frexp(np.abs(self.D).max(-1))[1]
        least, most = size[self.alive].min(), size[self.alive].max()
        e = np.where(self.alive & (most - least >= reach), size, most)
        self.D[...] = np.ldexp(self.D, (self.e - e)[..., None])
        self.e[...] = e
        self.common = one_exponent(e)
        self.squares = squares(self.D)

    def fits(self, other: "Rows") -> bool:
        """Whether the two stand at the same steps with one exponent: then they add up as they are."""
        same = (self.first, len(self.D)) == (other.first, len(other.D))
        return same and self.common is not None and self.common == other.common

    def plus(self, other: "Rows") -> "Rows":
        """The sum, step by step; each row at the larger of the two scales, a zero has none."""
        a, b = self, other
        if (a.first, a.last) != (b.first, b.last):
            first, last = min(a.first, b.first), max(a.last, b.last)
            a, b = a.widened(first, last), b.widened(first, last)
        if a.common is not None and a.common == b.common:
            D, e = a.D + b.D, a.e.copy()
        else:
            e = np.where(a.alive, np.where(b.alive, np.maximum(a.e, b.e), a.e), b.e)
            D = np.ldexp(a.D, (a.e - e)[..., None]) + np.ldexp(b.D, (b.e - e)[..., None])
        return Rows.of(a.first, D, e, a.reach | b.reach)

    def widened(self, first: int, last: int) -> "Rows":
        """The same rows among zeros for steps first .. last-1."""
        pad = ((self.first - first, last - self.last), (0, 0))
        e, reach, s, alive = (
            np.pad(array, pad) for array in (self.e, self.reach, self.squares, self.alive)
        )
        common = 0 if self.common == 0 else None
        return Rows(first, np.pad(self.D, (*pad, (0, 0))), e, reach, s, alive, common)

    def part(self, first: int, last: int) -> "Rows":
        """The rows at steps first .. last-1, some of its own."""
        cut = slice(first - self.first, last - self.first)
        D, e, reach = (array[cut].copy() for array in (self.D, self.e, self.reach))
        return Rows.of(first, D, e, reach)

    def values(self) -> Array:
        """(N, B, S) the signals themselves; infinite or zero where the type cannot hold them."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(self.D, self.e[..., None]))

    def log_norm(self) -> float:
        """ln of the Frobenius norm of all rows together; -inf where all are zero."""
        return log_norm(self.squares, self.e, self.common)


def together(parts: list[Rows]) -> Rows | None:
    """The sum of rows at any steps, without a copy of the whole for each; None for none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    first, last = min(part.first for part in parts), max(part.last for part in parts)
    D = np.zeros((last - first, *parts[0].D.shape[1:]), parts[0].D.dtype)
    e, reach = np.zeros(D.shape[:2], np.int64), np.zeros(D.shape[:2], bool)
    for part in parts:
        window = slice(part.first - first, part.last - first)
        total = Rows.of(part.first, D[window], e[window], reach[window]).plus(part)
        D[window], e[window], reach[window] = total.D, total.e, total.reach
    return Rows.of(first, D, e, reach)


def one_exponent(e: Array) -> int | None:
    """The exponent that all rows have, or None."""
    first = int(e.flat[0])
    return first if (e == first).all() else None


def outer_sum(dz: Array, e: Array, common: int | None, h_prev: Array) -> "Scaled":
    """Σ over steps and sequences of dz 2^e ⊗ h_prev: one matrix product.

    Args:
        dz: (N, B, G·H) errors.
        e: (N, B) their exponents.
        common: the one that all of them are, or None.
        h_prev: (N, B, H) what the weight multiplied.
    """
    top = common
    if top is None:
        # The largest product sets the scale; a row that meets a zero h_prev makes none.
        size = e + np.frexp(np.abs(dz).max(-1))[1] + np.frexp(np.abs(h_prev).max(-1))[1]
        counts = dz.any(-1) & h_prev.any(-1)
        top = int(size[counts].max(initial=-(2**40)))
        top = 0 if top == -(2**40) else top
        dz = np.ldexp(dz, np.where(counts, e - top, 0)[..., None])
    total = Scaled(kernels.outer(dz, h_prev).astype(np.float64), top)
    return (
        total if dz.dtype == np.float32 else total.normalised()
    )  # a float32's squares fit float64


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
            self.M = np.ldexp(self.M, self.e - e) + np.ldexp(other.M, other.e - e)
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

    def normalised(self) -> "Scaled":
        """Itself, with M brought back to about 1 where its squares would leave the range."""
        if 1e-60 < self._norm() < 1e60:
            return self
        peak = float(np.abs(self.M).max())
        if peak:
            shift = int(np.frexp(peak)[1])
            self.M = np.ldexp(self.M, -shift)
            self.e += shift
        return self

    def _norm(self) -> float:
        """‖M‖_F; infinite, or 0, where the squares leave the range."""
        with np.errstate(over="ignore"):
            return math.sqrt(np.einsum("ij,ij->", self.M, self.M))

    def log_norm(self) -> float:
        """ln ‖M 2^e‖_F; -inf for zero."""
        norm = self._norm()
        if 1e-140 < norm < 1e140:
            return math.log(norm) + self.e * LOG2
        peak = float(np.abs(self.M).max())  # the squares may have left the range
        if peak == 0:
            return -np.inf
        return float(np.log(peak) + np.log(np.linalg.norm(self.M / peak))) + self.e * LOG2

    def value(self, dtype: np.dtype[np.floating]) -> Array:
        """The matrix itself; infinite or zero where ``dtype`` cannot hold it."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(self.M, self.e).astype(dtype)


def normalised(array: Array) -> tuple[Array, int]:
    """The array over 2^e with e such that products of it stay in range; e is 0 for ordinary sizes."""
    size = int(np.frexp(np.abs(array).max())[1])
    if abs(size) <= REACH[array.dtype] // 2:
        return array, 0
    return np.ldexp(array, -size), size


def log_norm(s: Array, e: Array, common: int | None) -> float:
    """ln √(Σ s 4^e) over all rows; -inf where all are zero.

    Args:
        s: (N, B) squares of rows.
        e: (N, B) their exponents.
        common: the exponent that all of e are, or None.
    """
    if common is None:
        return float(log_norms(s.reshape(-1), e.reshape(-1), None, 0))
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
