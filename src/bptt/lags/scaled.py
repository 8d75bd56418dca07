r"""Numbers with their scale kept apart, so that 1e-2000 and 1e+2000 are as good as 1 (Q13).

A signal carried back over thousands of steps leaves the range of float32 after some 100 and that of
float64 after some 1,000. So each row of signals, one per loss step and sequence, carries an integer
exponent e: the row stands for D · 2^e. One scale for all rows would not do: two loss steps can pass
through different stretches of the sequence, and lie further apart than the type's range.
Powers of two change no digit.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array

LOG2 = float(np.log(2.0))
# Row norms are kept within 2^±REACH: far enough from the range's ends that one step back, and the
# square of what it gives, still fit.
REACH = {np.dtype(np.float32): 40, np.dtype(np.float64): 200}


@dataclass(eq=False)
class Rows:
    """Error signals of many loss steps at once.

    Attributes:
        D: (N, B, H) signals, each row times 2^e.
        e: (N, B) exponents.
        squares: (N, B) Σ_h D², of D as stored.
        alive: (N, B) False once a row has become zero; it stays so.
    """

    D: Array
    e: Array
    squares: Array
    alive: Array

    @classmethod
    def of(cls, D: Array, e: Array | None = None) -> "Rows":
        """Rows of the true size given, brought within range.

        Args:
            D: (N, B, H); changed in place.
            e: (N, B) exponents; zeros if not given.
        """
        if e is None:
            e = np.zeros(D.shape[:2], np.int64)
        rows = cls(D, e, D[..., 0], np.ones(D.shape[:2], bool))
        rows.rescale()
        return rows

    def rescale(self) -> None:
        """Bring row norms back that left 2^±REACH, exactly; take all squares anew."""
        self.squares = squares(self.D)
        reach = REACH[self.D.dtype]
        low, high = 4.0**-reach, 4.0**reach
        if low <= self.squares.min() and self.squares.max() <= high:
            return
        astray = self.alive & ~((self.squares >= low) & (self.squares <= high))
        if not astray.any():
            return
        self.alive[astray] = self.D[astray].any(-1)
        if not self.alive.any():
            return
        # One scale for all while they lie close enough: a sum over rows then needs no alignment.
        size = self.e + np.frexp(np.abs(self.D).max(-1))[1]
        least, most = size[self.alive].min(), size[self.alive].max()
        e = np.where(self.alive & (most - least >= reach), size, most)
        self.D[...] = np.ldexp(self.D, (self.e - e)[..., None])
        self.e[...] = e
        self.squares = squares(self.D)

    def drop_first(self, count: int) -> "Rows":
        """Without the first ``count`` loss steps; views, not copies."""
        return Rows(self.D[count:], self.e[count:], self.squares[count:], self.alive[count:])

    def log_norm(self) -> float:
        """ln of the Frobenius norm of all rows together; -inf where all are zero."""
        return float(log_norm(self.squares, self.e))

    def outer_sum(self, h_prev: Array) -> "Scaled":
        """Σ over loss steps and sequences of D 2^e ⊗ h_prev: one matrix product.

        Args:
            h_prev: (N, B, H) what the weight multiplied.
        """
        D, H = self.D, self.D.shape[-1]
        e = int(self.e.flat[0])
        if (self.e != e).any():
            e = int(self.e[self.alive].max(initial=self.e.min()))
            D = np.ldexp(D, self.e[..., None] - e)  # rows that fall to 0 add nothing to the sum
        return Scaled((D.reshape(-1, H).T @ h_prev.reshape(-1, H)).astype(np.float64), e)


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
        """Add in place, at the larger of the two scales; a zero has no scale of its own."""
        if self.e == other.e:
            self.M += other.M
        elif other.M.any():
            e = max(self.e, other.e) if self.M.any() else other.e
            self.M = np.ldexp(self.M, self.e - e) + np.ldexp(other.M, other.e - e)
            self.e = e
        return self

    def __sub__(self, other: "Scaled") -> "Scaled":
        """The difference."""
        difference = Scaled(-other.M, other.e)
        difference += self
        return difference

    def log_norm(self) -> float:
        """ln ‖M 2^e‖_F; -inf for zero."""
        norm = float(np.linalg.norm(self.M))
        if 1e-140 < norm < 1e140:
            return float(np.log(norm)) + self.e * LOG2
        peak = float(np.abs(self.M).max())  # the squares may have left the range
        if peak == 0:
            return -np.inf
        return float(np.log(peak) + np.log(np.linalg.norm(self.M / peak))) + self.e * LOG2

    def value(self, dtype: np.dtype[np.floating]) -> Array:
        """The matrix itself; infinite or zero where ``dtype`` cannot hold it."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(self.M, self.e).astype(dtype)


def squares(D: Array) -> Array:
    """Σ_h D² per row; float32 rows that would leave its range are summed in float64."""
    s = np.einsum("...h,...h->...", D, D)
    if D.dtype == np.float32 and not (s.min() > 1e-30 and s.max() < 1e38):
        doubtful = ~((s > 1e-30) & (s < 1e38))
        s = s.astype(np.float64)
        s[doubtful] = np.square(D[doubtful], dtype=np.float64).sum(-1)
    return np.asarray(s)


def log_norm(s: Array, e: Array, axis: int | None = None) -> Array:
    """ln √(Σ s 4^e) over all rows, or along one axis; -inf where all are zero."""
    with np.errstate(divide="ignore"):
        first = e.flat[0]
        if (e == first).all():
            return np.asarray(0.5 * np.log(s.sum(axis, dtype=np.float64)) + LOG2 * first)
        log_squares = np.where(s > 0, np.log(s, dtype=np.float64) + 2 * LOG2 * e, -np.inf)
        return np.asarray(0.5 * np.logaddexp.reduce(log_squares, axis))
