r"""What the recurrent weights alone say (Q9), beside what is measured on data.

    spectral radius  ρ(W_R) = max |eigenvalue|: growth of W_R^k for large k
    σ_max            largest singular value: most that one step can grow
    departure        √(‖W_R‖_F² - Σ|eigenvalue|²) / ‖W_R‖_F: 0 for a normal W_R, up to 1 (Henrici 1962)
    max_k ‖W_R^k‖₂   above 1 although ρ < 1: transient growth, of a W_R that is not normal (Trefethen 2005)

A normal W_R has σ_max = ρ: nothing grows faster than ρ^k. With γ = sup φ′ (Pascanu 2013): σ_max < 1/γ is
*sufficient* for the gradient to vanish, σ_max > 1/γ only *necessary* for it to explode.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, as_floats

POWERS = 64  # a power of two: the last is found by squaring
TRIED = (2, 4, 8, 16, 32)  # powers whose norm is asked for, in the hope that it is 1 or less
TIE = 1e-9  # ln: two powers of the same size, but for rounding


@dataclass(frozen=True)
class Spectrum:
    """Of a square W_R.

    Attributes:
        radius: ρ(W_R).
        sigma_max: largest singular value.
        departure: Henrici's departure from normality as a part of ‖W_R‖_F, 0 to 1.
        peak: max over k <= 64 of ‖W_R^k‖₂; None where it still grows at k = 64.
        peak_power: the k at which it stands, or None.
        last: ‖W_R^64‖₂, the last power that is computed.
    """

    radius: float
    sigma_max: float
    departure: float
    peak: float | None
    peak_power: int | None
    last: float

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
    >>> s.radius, bool(s.peak > 10), round(s.departure, 3)
    (0.5, True, 0.998)
    """
    W = as_floats("W_R", W_R, ("H", "H")).astype(np.float64)
    W = as_floats("W_R", W, (len(W), len(W)))
    eigenvalues = np.abs(np.linalg.eigvals(W))
    sigma_max = _largest(W)
    radius = float(eigenvalues.max())
    best, log_peak = _powers(W, sigma_max, radius)
    return Spectrum(
        radius=radius,
        sigma_max=sigma_max,
        departure=_departure(W, eigenvalues),
        peak=None if best == POWERS else _exp(log_peak),
        peak_power=None if best == POWERS else best,
        last=_exp(_log_last_power(W)),
    )


def _departure(W: Array, eigenvalues: Array) -> float:
    size = float(np.linalg.norm(W))
    if size == 0:
        return 0.0
    left = 1 - float(np.square(eigenvalues / size).sum())
    return float(np.sqrt(max(0.0, left)))


def log_largest_power(W_R: Array, found: Spectrum, most: int) -> float:
    """ln of max over 1 <= k <= most of ‖W_R^k‖₂: how far W_R alone can grow a signal in so many steps.

    Args:
        W_R: (H, H) recurrent weights.
        found: what ``spectrum`` found of them.
        most: the largest k.
    """
    return _powers(W_R.astype(np.float64), found.sigma_max, found.radius, most)[1]


def _powers(W: Array, sigma: float, radius: float, most: int = POWERS) -> tuple[int, float]:
    """j and ln ‖W^j‖_2 where that is largest, for j up to ``most``.

    Behind a power of norm 1 or less, and there is one only where ρ < 1, none is larger than those before it. The Frobenius
    norm is cheap and never below ‖W^j‖_2, and neither is ‖W‖_2^j: only powers that can be the largest need the other.
    """
    power, log_scale = np.eye(len(W)), 0.0
    known = {1: float(np.log(sigma)) if sigma else -np.inf}
    powers: list[tuple[float, float, int, Array]] = []
    for j in range(1, most + 1):
        power = power @ W
        norm = float(np.linalg.norm(power))
        if norm == 0:
            break
        power, log_scale = power / norm, log_scale + float(np.log(norm))
        powers.append((log_scale, min(log_scale, j * known[1]), j, power))
        if radius < 1 and j in TRIED:
            known[j] = log_scale + float(np.log(_largest(power)))
        if known.get(j, log_scale) <= 0:
            break
    best, log_peak = 1, -np.inf
    for frobenius, most_it_can_be, j, power in sorted(powers, key=lambda p: (-p[1], p[2])):
        if most_it_can_be < log_peak - TIE:
            break
        log_size = known.get(j)
        if log_size is None:
            log_size = frobenius + float(np.log(_largest(power)))
        if log_size > log_peak + TIE or (log_size >= log_peak - TIE and j < best):
            best, log_peak = j, log_size
    return best, log_peak


def _log_last_power(W: Array) -> float:
    """ln ‖W^64‖₂, by squaring."""
    power, log_scale = W, 0.0
    for _ in range(POWERS.bit_length() - 1):
        size = float(np.linalg.norm(power))
        if size == 0:
            return -np.inf
        power, log_scale = power / size, 2 * (log_scale + float(np.log(size)))
        power = power @ power
    with np.errstate(divide="ignore"):
        return log_scale + float(np.log(_largest(power)))


def _largest(W: Array) -> float:
    """The largest singular value, from the eigenvalues of WᵀW: it keeps its digits, and all of them by the SVD take twice as long."""
    e = int(np.frexp(np.abs(W).max())[1])
    scaled = np.ldexp(W, -e)
    return float(np.ldexp(np.sqrt(max(0.0, np.linalg.eigvalsh(scaled.T @ scaled)[-1])), e))


def _exp(ln: float) -> float:
    return float(np.exp(min(ln, 700.0)))
