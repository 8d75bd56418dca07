"""What stopping at each lag keeps of a gradient, and what it leaves out: sums of its parts as the lags come (Q10).

Each is a sum of matrices of its own, so that none is the small difference of large numbers:

    S = Σ_{k<K} G_k            what a window of K steps keeps
    R = dW - S                 what it leaves out
    N = Σ_{k<K} (K - k) G_k    K times what chunks of K steps keep; one lag more adds S
    L = K dW - N               K times what they leave out; one lag more adds R

Lags that have no part in the gradient leave S and R as they are. After m of them N is N + m S and L is L + m R, whose
norms follow from six products: no matrix is touched until a lag has a part in it again.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.cells.scales import LOG2
from bptt.gradients.by_lag.scaled import Scaled

# Of the squares that a sum is made of: below this part the sum of products has lost four digits.
CANCELS = 1e-4
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
        # S, R, N, L: a zero has no scale of its own
        self.empty = [True, whole.is_zero(), True, True]
        self.rows: list[tuple[float, ...]] = []
        self.sizes: list[tuple[float, int]] = []
        self.waiting: _Waiting | None = None

    def add(self, *lags: Scaled) -> list[float]:
        """Some lags more, in one pass over the sums where they have one scale; ln of the norm of each."""
        self._catch_up()
        norms: list[float] = []
        for _, run in groupby(lags, lambda G: None if G.is_zero() else G.e):
            norms += self._add(list(run))
        return norms

    def _add(self, lags: list[Scaled]) -> list[float]:
        """Lags of one scale."""
        counted = self._count(lags)
        if counted is None:  # the digits are lost that each lag has by itself
            return [norm for G in lags for norm in self._add([G])]
        norms = []
        for (square, *of_row), G in zip(counted, lags, strict=True):
            size, e = (math.sqrt(square), G.e) if _holds_digits(square) else G.size()
            self.sizes.append((size, e))
            norms.append(math.log(size) + e * LOG2 if size else -math.inf)
            self.rows.append((norms[-1], *of_row))
        return norms

    def add_nothing(self) -> None:
        """One lag more that has no part in the gradient."""
        if any(self.empty) or not self.square:
            self.add(Scaled.zeros(self.whole.M.shape))
            return
        if self.waiting is None:
            self.waiting = _Waiting.of(self)
        lags = self.waiting.lags + 1
        L, N = self.waiting.left.square(lags), self.waiting.kept.square(lags)
        if L is None or N is None:
            self.add(Scaled.zeros(self.whole.M.shape))
            return
        self.waiting.lags = lags
        _, keeps, cosine, *_ = self.rows[-1][1:]
        nw = self.waiting.kept.along(lags, N[1])
        chunks = (self._of_square(*L), self._cosine(nw, N[0]), self._of_square(*N))
        self.sizes.append((0.0, 0))
        self.rows.append((-math.inf, 0.0, keeps, cosine, *chunks))

    def _catch_up(self) -> None:
        """Add to N and L what the lags without a part have left waiting."""
        if self.waiting is not None:
            lags, self.waiting = self.waiting.lags, None
            for total, part in (
                (self.kept_chunked, self.kept),
                (self.left_chunked, self.remaining),
            ):
                total += Scaled(lags * part.M, part.e)

    def _count(self, lags: list[Scaled]) -> list[tuple[float, ...]] | None:
        """‖M‖² of each G, and what stands in its row behind the norm; None, and nothing done, where that takes one at a time.

        Args:
            lags: of one scale, all zero or none.
        """
        sums = self.kept, self.remaining, self.kept_chunked, self.left_chunked
        before, empty = [total.e for total in sums], self.empty.copy()
        first = self._factors(lags[0])
        then = self._factors(lags[0]) if len(lags) > 1 else first
        M = [total.M for total in sums]
        to = self.spare if len(lags) > 1 else M
        products = kernels.bill([G.M for G in lags], self.whole.M, M, to, first, then)
        if len(lags) > 1:
            squares = (found[i] for found in products for i in (2, 5, 6))  # of R, L and N
            if not all(map(_holds_digits, squares)):
                for total, e in zip(sums, before, strict=True):
                    total.e = e
                self.empty = empty
                return None
            for total, behind in zip(sums, to, strict=True):
                total.M = behind
            self.spare = M
        return [self._row(lags[0].e, found) for found in products]

    @cached_property
    def spare(self) -> list[Array]:
        """Room for the four sums, so that they are still there where several lags must be counted one by one."""
        return [np.empty_like(self.whole.M) for _ in range(4)]

    def _factors(self, G: Scaled) -> list[float]:
        """What brings the sums and their parts to the scales that they have behind a lag."""
        S, R, N, L = self.kept, self.remaining, self.kept_chunked, self.left_chunked
        factors: list[float] = []
        for number, (total, part) in enumerate(((S, G), (R, G), (N, S), (L, R))):
            e, adds = total.e, not (G.is_zero() if part is G else self.empty[number - 2])
            if adds:
                total.e = part.e if self.empty[number] else max(e, part.e)
                self.empty[number] = False
            # Above 0 only where the matrix is zero: any finite factor will do.
            factors += [math.ldexp(1.0, min(own - total.e, 999)) for own in (e, part.e)]
        return factors

    def _row(self, e: int, products: tuple[float, ...]) -> tuple[float, ...]:
        """‖M‖² of a G of the scale e, and what stands in its row behind the norm."""
        gg, gw, rr, ss, sw, ll, nn, nw = products
        if not self.square:  # shares of nothing are not numbers
            return gg, *[math.nan] * 6
        R, N, L, W = self.remaining, self.kept_chunked, self.left_chunked, self.whole
        share = math.ldexp(gw / self.square, max(-5000, min(e - W.e, 1000)))
        return (
            gg, share, self._log(rr, R), self._cosine(sw, ss), self._log(ll, L), self._cosine(nw, nn), self._log(nn, N)
        )  # fmt: skip

    def _log(self, square: float, of: Scaled) -> float:
        """ln of a norm over that of dW; the scales are subtracted first, or their logarithms take the last digits."""
        if _holds_digits(square):
            return self._of_square(square, of.e)
        size, e = of.size()
        return self._of_size(size, e) if size else -math.inf

    def _of_square(self, square: float, e: int) -> float:
        return self._of_size(math.sqrt(square), e)

    def _of_size(self, size: float, e: int) -> float:
        return math.log(size) - 0.5 * math.log(self.square) + (e - self.whole.e) * LOG2

    def _cosine(self, with_whole: float, square: float) -> float:
        """Of the angle to dW; NaN of nothing."""
        if not square:
            return math.nan
        return max(-1.0, min(with_whole / math.sqrt(square) / math.sqrt(self.square), 1.0))


def _holds_digits(square: float) -> bool:
    """Whether a sum of squares is neither beyond the type nor so small that its parts may be denormal."""
    return 1e-280 < square < 1e280


@dataclass(frozen=True)
class _Sum:
    """A + m B, of which the norm and the product with dW are asked again and again; A and B each times a power of two.

    Attributes:
        aa, ab, bb: products of the matrices.
        aw, bw: their products with dW.
        e: their exponents.
    """

    aa: float
    ab: float
    bb: float
    aw: float
    bw: float
    e: tuple[int, int]

    @classmethod
    def of(cls, A: Scaled, B: Scaled, W: Scaled) -> "_Sum":
        def product(a: Scaled, b: Scaled) -> float:
            return float(np.einsum("ij,ij->", a.M, b.M))

        return cls(
            product(A, A), product(A, B), product(B, B), product(A, W), product(B, W), (A.e, B.e)
        )

    def _factors(self, m: int) -> tuple[int, float, float]:
        """The exponent of the sum, and what A and B are multiplied by."""
        e = max(self.e) if self.bb else self.e[0]
        a, b = (math.ldexp(1.0, own - e) if own - e > -1000 else 0.0 for own in self.e)
        return e, a, m * b

    def square(self, m: int) -> tuple[float, int] | None:
        """Of the norm, and the exponent of the norm; None where its digits are lost, and the matrices must be asked."""
        e, a, b = self._factors(m)
        apart = a * a * self.aa + b * b * self.bb
        whole = apart + 2 * a * b * self.ab
        return (whole, e) if max(1e-280, CANCELS * apart) < whole < 1e280 else None

    def along(self, m: int, e: int) -> float:
        """The product with dW, over 2^e."""
        _, a, b = self._factors(m)
        return a * self.aw + b * self.bw


@dataclass
class _Waiting:
    """Lags without a part in the gradient, which N and L have not been told of.

    Attributes:
        left: L + m R.
        kept: N + m S.
        lags: m.
    """

    left: _Sum
    kept: _Sum
    lags: int = 0

    @classmethod
    def of(cls, bill: Bill) -> "_Waiting":
        return cls(
            _Sum.of(bill.left_chunked, bill.remaining, bill.whole),
            _Sum.of(bill.kept_chunked, bill.kept, bill.whole),
        )
