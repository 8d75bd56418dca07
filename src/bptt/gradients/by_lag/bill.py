"""What stopping at each lag keeps of a gradient, and what it leaves out: sums of its parts as the lags come (Q10).

Each is a sum of matrices of its own, so that none is the small difference of large numbers:

    S = Σ_{k<K} G_k            what a window of K steps keeps
    R = dW - S                 what it leaves out
    N = Σ_{k<K} (K - k) G_k    K times what chunks of K steps keep; one lag more adds S
    L = K dW - N               K times what they leave out; one lag more adds R
"""

import math

import numpy as np

from bptt import kernels
from bptt.cells.scales import LOG2
from bptt.gradients.by_lag.scaled import Scaled

NO_LAG = (-math.inf, *[math.nan] * 6)  # the row of a gradient that no lag was counted of


class Bill:
    """The four sums, lag by lag, each at a scale of its own.

    Args:
        whole: dW by a backward pass.

    Attributes:
        remaining: R behind the lags so far.
        sizes: of each lag so far ‖G_k‖ as ``Scaled.size`` has it.
        rows: of each lag so far ln ‖G_k‖, its share of dW, and what ``Profile.kept`` has.
    """

    def __init__(self, whole: Scaled) -> None:
        self.whole = whole
        self.square = float(np.einsum("ij,ij->", whole.M, whole.M))
        self.kept, self.remaining = Scaled.zeros(whole.M.shape), whole.copy()
        self.kept_chunked, self.left_chunked = (Scaled.zeros(whole.M.shape) for _ in range(2))
        self.empty = [
            True,
            whole.is_zero(),
            True,
            True,
        ]  # S, R, N, L: a zero has no scale of its own
        self.rows: list[tuple[float, ...]] = []
        self.sizes: list[tuple[float, int]] = []

    def add(self, G: Scaled) -> float:
        """One lag more; ln of its norm."""
        size, e = G.size()
        self.sizes.append((size, e))
        norm = math.log(size) + e * LOG2 if size else -math.inf
        self.rows.append((norm, *self._count(G)))
        return norm

    def add_nothing(self) -> None:
        """One lag more that has no part in the gradient."""
        self.add(Scaled.zeros(self.whole.M.shape))

    def _count(self, G: Scaled) -> tuple[float, ...]:
        S, R, N, L, W = self.kept, self.remaining, self.kept_chunked, self.left_chunked, self.whole
        factors: list[float] = []
        for number, (total, part) in enumerate(((S, G), (R, G), (N, S), (L, R))):
            e, adds = total.e, not (G.is_zero() if part is G else self.empty[number - 2])
            if adds:
                total.e = part.e if self.empty[number] else max(e, part.e)
                self.empty[number] = False
            # Above 0 only where the matrix is zero: any finite factor will do.
            factors += [math.ldexp(1.0, min(own - total.e, 999)) for own in (e, part.e)]
        gw, rr, ss, sw, ll, nn, nw = kernels.bill(G.M, W.M, S.M, R.M, N.M, L.M, factors)
        if not self.square:  # shares of nothing are not numbers
            return (math.nan,) * 6
        share = math.ldexp(gw / self.square, max(-5000, min(G.e - W.e, 1000)))
        return (
            share, self._log(rr, R), self._cosine(sw, ss), self._log(ll, L), self._cosine(nw, nn), self._log(nn, N)
        )  # fmt: skip

    def _log(self, square: float, of: Scaled) -> float:
        """ln of a norm over that of dW; the scales are subtracted first, or their logarithms take the last digits."""
        size, e = (math.sqrt(square), of.e) if 1e-280 < square < math.inf else of.size()
        if not size:
            return -math.inf
        return math.log(size) - 0.5 * math.log(self.square) + (e - self.whole.e) * LOG2

    def _cosine(self, with_whole: float, square: float) -> float:
        """Of the angle to dW; NaN of nothing."""
        if not square:
            return math.nan
        return max(-1.0, min(with_whole / math.sqrt(square) / math.sqrt(self.square), 1.0))
