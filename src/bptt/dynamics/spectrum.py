r"""What the recurrent weights alone say (Q9), beside what is measured on data.

    spectral radius  ρ(W_R) = max |eigenvalue|: growth of W_R^k for large k
    σ_max            largest singular value: most that one step can grow
    max_k ‖W_R^k‖₂   above 1 although ρ < 1: transient growth of a non-normal W_R (Trefethen 2005)

With γ = sup φ′ (Pascanu 2013): σ_max < 1/γ is *sufficient* for the gradient to vanish, σ_max > 1/γ only
*necessary* for it to explode.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, as_floats

POWERS = 64


@dataclass(frozen=True)
class Spectrum:
    """Of a square W_R.

    Attributes:
        radius: ρ(W_R).
        sigma_max: largest singular value.
        peak: max over k <= 64 of ‖W_R^k‖₂, relative to 1.
        peak_power: the k at which it stands.
    """

    radius: float
    sigma_max: float
    peak: float
    peak_power: int

    def bound(self, gamma: float | None) -> str:
        """Pascanu's bound in words, for γ = sup φ′ (None: not known)."""
        if gamma is None:
            return "no bound is known for this activation"
        limit = 1 / gamma
        if self.sigma_max < limit:
            return f"σ_max = {self.sigma_max:.3g} < 1/γ = {limit:.3g}: must vanish"
        return f"σ_max = {self.sigma_max:.3g} ≥ 1/γ = {limit:.3g}: may explode, need not"


def spectrum(W_R: Array) -> Spectrum:
    """Eigenvalues, singular values and powers of W_R.

    Args:
        W_R: (H, H) recurrent weights.

    Raises:
        ShapeError: if it is not square.

    >>> import numpy as np
    >>> s = spectrum(np.array([[0.5, 10.0], [0.0, 0.5]]))  # radius 1/2, yet it grows at first
    >>> s.radius, bool(s.peak > 10)
    (0.5, True)
    """
    W = as_floats("W_R", W_R, ("H", "H")).astype(np.float64)
    W = as_floats("W_R", W, (len(W), len(W)))
    best, log_peak = _highest_power(W)
    return Spectrum(
        radius=float(np.abs(np.linalg.eigvals(W)).max()),
        sigma_max=float(np.linalg.norm(W, 2)),
        peak=float(np.exp(min(log_peak, 700.0))),
        peak_power=best,
    )


def _highest_power(W: Array) -> tuple[int, float]:
    """j and ln ‖W^j‖_2 where that is largest, for j up to ``POWERS``.

    The Frobenius norm is cheap and never below it: only powers that can be the largest need the other.
    """
    power, log_scale = np.eye(len(W)), 0.0
    powers: list[tuple[float, int, Array]] = []
    for j in range(1, POWERS + 1):
        power = power @ W
        norm = float(np.linalg.norm(power))
        if norm == 0:
            break
        power, log_scale = power / norm, log_scale + float(np.log(norm))
        powers.append((log_scale, j, power))
    best, log_peak = 1, -np.inf
    for frobenius, j, power in sorted(powers, key=lambda p: (-p[0], p[1])):
        if frobenius < log_peak:
            break
        log_size = frobenius + float(np.log(np.linalg.norm(power, 2)))
        if log_size > log_peak or (log_size == log_peak and j < best):
            best, log_peak = j, log_size
    return best, log_peak
