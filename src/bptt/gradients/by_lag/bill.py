"""What stopping at each lag keeps of a gradient: inner products of its parts, added up as the lags come (Q10)."""

from math import copysign, inf, ldexp

import numpy as np

from bptt import kernels
from bptt.gradients.by_lag.scaled import Scaled


class Bill:
    """R = dW - Σ_{j<=k} G_j and M = Σ_{j<=k} j G_j, lag by lag.

    Args:
        whole: dW by a backward pass.

    Attributes:
        remaining: R behind the lags so far.
        rows: (ln ‖G_k‖, share, ⟨R, R⟩, ⟨R, M⟩, ⟨M, M⟩, ⟨M, dW⟩) of each lag so far, but for the first over ‖dW‖².
    """

    def __init__(self, whole: Scaled) -> None:
        self.whole = whole
        square = float(np.einsum("ij,ij->", whole.M, whole.M))
        self.square = square or float("nan")  # shares of nothing are not numbers
        self.remaining = whole.copy()
        self.moment = Scaled.zeros(whole.M.shape)
        self.rows: list[tuple[float, ...]] = []

    def add(self, G: Scaled) -> float:
        """One lag more; ln of its norm."""
        norm = G.log_norm()
        products = self._products(len(self.rows), G)
        self.rows.append((norm, *(p / self.square for p in products)))
        return norm

    def add_nothing(self) -> None:
        """One lag more that has no part in the gradient."""
        if not self.rows:
            self.add(Scaled.zeros(self.whole.M.shape))
            return
        self.rows.append((-np.inf, 0.0 / self.square, *self.rows[-1][2:]))

    def _products(self, k: int, G: Scaled) -> tuple[float, ...]:
        """⟨G, W⟩, ⟨R, R⟩, ⟨R, M⟩, ⟨M, M⟩ and ⟨M, W⟩ 4^-e of W, with R and M brought to lag k."""
        R, M, W = self.remaining, self.moment, self.whole
        e_R, e_M = R.scale_with(G), M.scale_with(G) if k else M.e
        # Above 0 only where the matrix is zero: any finite factor will do.
        r, g, m, n = (ldexp(1.0, min(e, 999)) for e in (R.e - e_R, G.e - e_R, M.e - e_M, G.e - e_M))
        products: tuple[float, ...]
        products = kernels.remainder(G.M, R.M, M.M, W.M, r, g, m, k * n)
        R.e, M.e = e_R, e_M
        exponents = (G.e - W.e, 2 * (R.e - W.e), R.e + M.e - 2 * W.e, 2 * (M.e - W.e), M.e - W.e)
        if not any(exponents):
            return products
        return tuple(_ldexp(p, e) for p, e in zip(products, exponents, strict=True))


def _ldexp(p: float, e: int) -> float:
    """p 2^e, infinite where it does not fit."""
    try:
        return ldexp(p, e)
    except OverflowError:
        return copysign(inf, p)
