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
REACH = {np.dtype(np.float32): 20, np.dtype(np.float64): 200}


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
        """Bring row norms that left 2^±REACH back to about 1, exactly; take all squares anew."""
        self.squares = squares(self.D)
        bound = 4.0 ** REACH[self.D.dtype]
        astray = self.alive & ~((self.squares >= 1 / bound) & (self.squares <= bound))
        if astray.any():
            rows = self.D[astray]
            peak = np.abs(rows).max(-1)
            shift = np.frexp(peak)[1]
            self.D[astray] = rows = np.ldexp(rows, -shift[:, None])
            self.e[astray] += shift
            self.alive[astray] = peak > 0
            self.squares[astray] = squares(rows)

    def drop_first(self, count: int) -> "Rows":
        """Without the first ``count`` loss steps; views, not copies."""
        return Rows(self.D[count:], self.e[count:], self.squares[count:], self.alive[count:])

    def log_norm(self) -> float:
        """ln of the Frobenius norm of all rows together; -inf where all are zero."""
        return log_norm(self.squares, self.e)


@dataclass(frozen=True, eq=False)
class Scaled:
    """A float64 matrix times 2^e."""

    M: Array
    e: int = 0

    def plus(self, other: "Scaled") -> "Scaled":
        """The sum, at the larger of the two scales; a zero has no scale of its own."""
        if not self.M.any():
            return other
        if not other.M.any():
            return self
        e = max(self.e, other.e)
        return Scaled(np.ldexp(self.M, self.e - e) + np.ldexp(other.M, other.e - e), e)

    def minus(self, other: "Scaled") -> "Scaled":
        """The difference."""
        return self.plus(Scaled(-other.M, other.e))

    def log_norm(self) -> float:
        """ln ‖M 2^e‖_F; -inf for zero."""
        peak = float(np.abs(self.M).max())
        if peak == 0:
            return -np.inf
        return float(np.log(peak) + np.log(np.linalg.norm(self.M / peak)) + self.e * LOG2)

    def value(self, dtype: np.dtype[np.floating]) -> Array:
        """The matrix itself; infinite or zero where ``dtype`` cannot hold it."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(self.M, self.e).astype(dtype)

    def log2_peak(self) -> float:
        """log2 of the largest magnitude; -inf for zero."""
        with np.errstate(divide="ignore"):
            return float(np.log2(np.abs(self.M).max()) + self.e)


def squares(D: Array) -> Array:
    """Σ_h D² per row; float32 rows that would leave its range are summed in float64."""
    s = np.einsum("...h,...h->...", D, D)
    if D.dtype == np.float32:
        doubtful = ~((s > 1e-30) & (s < 1e38))
        if doubtful.any():
            s = s.astype(np.float64)
            s[doubtful] = np.square(D[doubtful], dtype=np.float64).sum(-1)
    return np.asarray(s)


def log_norm(s: Array, e: Array) -> float:
    """ln √(Σ s 4^e) over all rows; -inf where all are zero."""
    with np.errstate(divide="ignore"):
        if not e.any():
            return 0.5 * float(np.log(s.sum(dtype=np.float64)))
        log_squares = np.log(s, dtype=np.float64) + 2 * LOG2 * e
        peak = float(log_squares.max())
        if peak == -np.inf:
            return peak
        return 0.5 * (peak + float(np.log(np.exp(log_squares - peak).sum())))


def outer_sum(rows: Rows, h_prev: Array) -> Scaled:
    """Σ over loss steps and sequences of D 2^e ⊗ h_prev: one matrix product.

    Args:
        rows: N loss steps.
        h_prev: (N, B, H) what the weight multiplied.
    """
    D, e, H = rows.D, 0, rows.D.shape[-1]
    if rows.e.any():
        e = int(rows.e[rows.alive].max(initial=np.iinfo(np.int64).min // 2))
        if not rows.alive.any():
            e = 0
        if (rows.e != e).any():
            with np.errstate(under="ignore"):  # rows that small add nothing to a sum with e's
                D = np.ldexp(D, np.maximum(rows.e - e, -10_000)[..., None])
    return Scaled((D.reshape(-1, H).T @ h_prev.reshape(-1, H)).astype(np.float64), e)
