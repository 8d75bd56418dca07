"""Error signals of many sequences, each row with a scale of its own (Q13)."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, squares
from bptt.gradients.by_lag.scaled import REACH, Sizes

# Squares that can be multiplied by a power of two as their rows are, to every digit.
HELD = (1e-200, 1e200)


@dataclass(eq=False)
class Rows:
    """Error signals at every step, or every few steps, of many sequences.

    Attributes:
        first: the step that row 0 stands at.
        D: (N, B, S) signals, each row times 2^e.
        e: (N, B) exponents.
        reach: (N, B) whether the error of some loss step has got here (it may have become zero).
        squares: (N, B) Σ D², of D as stored.
        alive: (N, B) False once a row has become zero.
        common: the exponent that all rows have, or None where they differ.
        stride: steps from one row to the next.
        total: what all squares add up to, if somebody knows it.
    """

    first: int
    D: Array
    e: Array
    reach: Array
    squares: Array
    alive: Array
    common: int | None
    stride: int = 1
    total: float | None = None

    @classmethod
    def of(
        cls,
        first: int,
        D: Array,
        e: Array,
        reach: Array,
        known: Array | None = None,
        common: int | None = None,
        stride: int = 1,
        summary: tuple[float, float, float] | None = None,
    ) -> "Rows":
        """Rows of the true size D 2^e, brought within range; D and e are changed in place.

        Args:
            first: the step of the first rows.
            D: (N, B, S) over 2^e.
            e: (N, B) exponents.
            reach: (N, B) where a signal stands.
            known: the squares of D, if somebody has them.
            common: the exponent that all of e are, if somebody knows it.
            stride: steps from one row to the next.
            summary: what the squares add up to, the least and the largest, if somebody has them.
        """
        s = squares(D) if known is None else known
        common = one_exponent(e) if common is None else common
        rows = cls(first, D, e, reach, s, np.ones(e.shape, bool), common, stride)
        if summary is not None:
            rows.total = summary[0]
        rows.rescale(None if summary is None else summary[1:])
        return rows

    @property
    def last(self) -> int:
        """The step behind the last row's."""
        return self.first + (len(self.D) - 1) * self.stride + 1

    @property
    def steps(self) -> slice:
        """The steps that the rows stand at."""
        return slice(self.first, self.last, self.stride)

    @property
    def sizes(self) -> Sizes:
        """The norm of every row."""
        return Sizes(self.squares, self.e, self.common, self.total)

    def rescale(self, ends: tuple[float, float] | None = None, reach: int | None = None) -> None:
        """Bring row norms back that left 2^±reach, exactly.

        Args:
            ends: the least and the largest of the squares, if somebody has them.
            reach: None takes REACH.
        """
        reach = REACH[self.D.dtype] if reach is None else reach
        low, high = 4.0**-reach, 4.0**reach
        least, most = ends or (self.squares.min(), self.squares.max())
        if low <= least and most <= high:
            return
        astray = ~((self.squares >= low) & (self.squares <= high))
        self.alive[astray] = True
        doubtful = astray & ~(self.squares > 0)
        self.alive[doubtful] = self.D[doubtful].any(-1)
        astray &= self.alive
        if not astray.any():
            return
        # One scale for all while they lie close enough: a sum over rows then needs no alignment.
        s = self.squares.astype(np.float64)
        seen = bool(((s > HELD[0]) & (s < HELD[1]) | ~self.alive).all())
        own = np.frexp(s)[1] // 2 if seen else np.frexp(np.abs(self.D).max(-1))[1]
        size = self.e + own
        least, most = size[self.alive].min(), size[self.alive].max()
        e = np.where(self.alive & (most - least >= reach), size, most)
        shift, self.total = self.e - e, None
        _multiply(self.D, shift)
        self.e[...] = e
        self.common = one_exponent(e)
        self.squares = np.ldexp(s, 2 * shift) if seen else squares(self.D)

    def fits(self, other: "Rows") -> bool:
        """Whether the two stand at the same steps with one exponent: then they add up as they are."""
        same = self.steps == other.steps
        return same and self.common is not None and self.common == other.common

    def plus(self, other: "Rows") -> "Rows":
        """The sum, step by step; each row at the larger of the two scales, a zero has none.

        Both have one stride, and steps in common but for what lies outside of the other.
        """
        a, b = self, other
        if (a.first, a.last) != (b.first, b.last):
            first, last = min(a.first, b.first), max(a.last, b.last)
            a, b = a.widened(first, last), b.widened(first, last)
        if a.common is not None and a.common == b.common:
            D, e = a.D + b.D, a.e.copy()
        else:
            e = np.where(a.alive, np.where(b.alive, np.maximum(a.e, b.e), a.e), b.e)
            D = np.ldexp(a.D, (a.e - e)[..., None]) + np.ldexp(b.D, (b.e - e)[..., None])
        return Rows.of(a.first, D, e, a.reach | b.reach, stride=a.stride)

    def widened(self, first: int, last: int) -> "Rows":
        """The same rows among zeros for steps first .. last-1, a whole number of strides away."""
        pad = ((self.first - first) // self.stride, (last - self.last) // self.stride), (0, 0)
        e, reach, s, alive = (
            np.pad(array, pad) for array in (self.e, self.reach, self.squares, self.alive)
        )
        common = 0 if self.common == 0 else None
        D = np.pad(self.D, (*pad, (0, 0)))
        return Rows(first, D, e, reach, s, alive, common, self.stride)

    def filled(self) -> "Rows":
        """The same rows with a row of zeros at every step in between."""
        if self.stride == 1:
            return self
        shape = self.last - self.first, self.D.shape[1]
        D = np.zeros((*shape, self.D.shape[2]), self.D.dtype)
        e, reach = np.zeros(shape, np.int64), np.zeros(shape, bool)
        for to, own in ((D, self.D), (e, self.e), (reach, self.reach)):
            to[:: self.stride] = own
        return Rows.of(self.first, D, e, reach)

    def part(self, first: int, last: int) -> "Rows":
        """The rows at steps first .. last-1, some of its own."""
        begin, end = (-((self.first - step) // self.stride) for step in (first, last))
        D, e, reach, known = (array[begin:end].copy() for array in (self.D, self.e, self.reach, self.squares))  # fmt: skip
        return Rows.of(self.first + begin * self.stride, D, e, reach, known, stride=self.stride)

    def values(self) -> Array:
        """(N, B, S) the signals themselves; infinite or zero where the type cannot hold them."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(self.D, self.e[..., None]))

    def log_norm(self) -> float:
        """ln of the Frobenius norm of all rows together; -inf where all are zero."""
        return self.sizes.log_norm()


def _multiply(D: Array, e: Array) -> None:
    """Multiply every row by 2^e, in place; by a product, which is sooner than ldexp, where the type has all factors."""
    if np.abs(e).max() <= -np.finfo(D.dtype).minexp:
        D *= np.ldexp(D.dtype.type(1), e)[..., None]
    else:
        D[...] = np.ldexp(D, e[..., None])


def together(parts: list[Rows]) -> Rows | None:
    """The sum of rows at any steps, without a copy of the whole for each; None for none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    first, last = min(part.first for part in parts), max(part.last for part in parts)
    D = np.zeros((last - first, *parts[0].D.shape[1:]), parts[0].D.dtype)
    e, reach = np.zeros(D.shape[:2], np.int64), np.zeros(D.shape[:2], bool)
    for part in parts:
        window = slice(part.first - first, part.last - first)
        total = Rows.of(part.first, D[window], e[window], reach[window]).plus(part.filled())
        D[window], e[window], reach[window] = total.D, total.e, total.reach
    return Rows.of(first, D, e, reach)


def one_exponent(e: Array) -> int | None:
    """The exponent that all rows have, or None."""
    first = int(e.flat[0])
    return first if (e == first).all() else None
