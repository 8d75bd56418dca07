r"""The gradient by lag, lag-major (Q5): hold the error signals of all loss steps, walk back in lag.

    (1)  D_0[t] = ∂⁺E/∂h_t ⊙ φ′(z_t)                  for every loss step t
    (2)  G_k = Σ_t D_k[t]ᵀ h_{t-k-1}                  one matrix product over (t, sequence)
    (3)  P_k[t] = D_k[t] W_R                          one matrix product
    (4)  D_{k+1}[t] = P_k[t] ⊙ φ′(z_{t-k-1})          shifted by one step

Σ_k G_k = dW_R. Walking in time instead would need one backward pass per loss step.
The two gains of a step back (Q9) are read off (3) and (4), over the loss steps that take the step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptt import through_time
from bptt.arrays import Array, as_floats
from bptt.errors import OptionError, ResidualError
from bptt.lags.profile import LagProfile
from bptt.lags.scaled import Rows, Scaled, log_norm, squares
from bptt.layers import Trace

LN10 = float(np.log(10.0))


@dataclass(frozen=True, eq=False)
class Lag:
    """One lag of the walk: where the signals stand and what the weights receive there."""

    steps: Array
    rows: Rows
    G: Scaled
    weight_gain: float  # of the step that led here
    activation_gain: float


def by_lag(
    trace: Trace,
    dh: Any,
    max_lag: int | None = None,
    keep_matrices: bool = False,
    *,
    tolerance: float = 0.0,
) -> LagProfile:
    r"""Split dW_R by how far back in time each part of it comes from.

    Args:
        trace: from ``layer.forward``.
        dh: (T, B, H) immediate gradient ∂⁺E/∂h_t: what the loss at step t sends straight to h_t.
            Not the total gradient: what comes back through h_{t+1} is this function's business.
        max_lag: the largest lag to compute; None goes back to the first step.
        keep_matrices: keep every G_k, (K, H, H).
        tolerance: stop early once the lags left out sum to less than this part of Σ‖G_k‖ and the
            signals that remain could not add more than that in one step; 0 computes every lag.

    Returns:
        the profile; ``profile.residual`` says how well the lags, with what was left out, add up to
        the gradient of an independent backward pass. It is checked on every run.

    Raises:
        ShapeError, DTypeError, NonFiniteError: if dh does not fit the trace.
        OptionError: if dh is zero everywhere, max_lag is negative or tolerance not in [0, 1).
        ResidualError: if the lags do not add up to the gradient.

    >>> import numpy as np, bptt
    >>> layer = bptt.RNN.init(3, 8, rng=0, dtype="float64")
    >>> trace = layer.forward(np.random.default_rng(1).standard_normal((20, 2, 3)))
    >>> profile = bptt.by_lag(trace, np.ones((20, 2, 8)))
    >>> len(profile.norm), bool(profile.residual < 1e-14)
    (20, True)
    """
    dh = as_floats("dh", dh, trace.z.shape, trace.layer.dtype)
    if not dh.any():
        raise OptionError(
            "dh", "a loss that reaches this layer", "zeros everywhere",
            "Check that the loss depends on the layer's output.",
        )  # fmt: skip
    if max_lag is not None and max_lag < 0:
        raise OptionError("max_lag", "a lag from 0", str(max_lag), "None computes every lag.")
    if not 0 <= tolerance < 1:
        raise OptionError(
            "tolerance", "a number in [0, 1)", str(tolerance), "0 computes every lag."
        )
    last = len(dh) - 1 if max_lag is None else max_lag
    slope = trace.slope()
    whole = _whole(trace, dh, slope)
    tally = _Tally(trace, whole, keep_matrices)
    for k, lag in enumerate(_walk(trace, dh, slope)):
        tally.add(k, lag)
        if k == last or (tolerance and tally.rest_below(tolerance, lag)):
            break
    return tally.profile(_left_out(trace, slope, lag, k))


def _walk(trace: Trace, dh: Array, slope: Array) -> Iterator[Lag]:
    """Equations (1) to (4), lag after lag, until no loss step reaches further back."""
    W_R, h, H = trace.layer.W_R, trace.h, trace.layer.hidden
    steps = np.flatnonzero(dh.any((1, 2)))
    rows = Rows.of(_at(dh, steps) * _at(slope, steps))
    spare = np.empty_like(rows.D)
    gains = (np.nan, np.nan)
    for k in range(len(dh)):
        # h[s] is the state before step s = t - k.
        yield Lag(steps, rows, rows.outer_sum(_at(h, steps - k)), *gains)
        done = int(np.searchsorted(steps, k, "right"))  # these stand at the first step already
        steps, rows = steps[done:], rows.drop_first(done)
        if not len(steps):
            return
        before = rows.log_norm()
        P = spare[: len(steps)]
        # Two axes: with three, NumPy makes one small product per loss step.
        np.matmul(rows.D.reshape(-1, H), W_R, out=P.reshape(-1, H))
        through_weights = float(log_norm(squares(P), rows.e))
        spare = rows.D
        P *= _at(slope, steps - k - 1)
        rows = replace(rows, D=P)
        rows.rescale()
        gains = (through_weights - before, rows.log_norm() - through_weights)  # NaN for no signal


def _at(array: Array, steps: Array) -> Array:
    """``array[steps]``, as a view where the steps are consecutive."""
    first, last = int(steps[0]), int(steps[-1])
    if last - first + 1 == len(steps):
        return array[first : last + 1]
    return np.asarray(array[steps])


class _Tally:
    """What is kept of each lag once its signals have moved on."""

    def __init__(self, trace: Trace, whole: Scaled, keep_matrices: bool) -> None:
        self.trace, self.whole = trace, whole
        self.log_whole = whole.log_norm()
        square = np.vdot(whole.M, whole.M)
        self.direction = whole.M / square if square > 0 else whole.M
        self.sum = Scaled.zeros(trace.layer.W_R.shape)
        self.log_h = 0.5 * float(np.log(squares(trace.h).sum(dtype=np.float64) or 1.0))
        self.log_norm: list[float] = []
        self.share: list[float] = []
        self.log_total: list[float] = []  # ln ‖D_k‖_F over all rows
        self.log_rms: list[float] = []
        self.gains: list[tuple[float, float]] = []
        self.by_step: list[tuple[Array, Array]] = []
        self.matrices: list[Array] | None = [] if keep_matrices else None
        self.overflow_lag: int | None = None

    def add(self, k: int, lag: Lag) -> None:
        G, rows, dtype = lag.G, lag.rows, self.trace.layer.dtype
        self.sum += G
        self.log_norm.append(G.log_norm())
        self.share.append(self._share(G))
        total = rows.log_norm()
        self.log_total.append(total)
        self.log_rms.append(total - 0.5 * float(np.log(rows.e.size)))
        self.by_step.append((lag.steps, _log10_per_step(rows)))
        if k:
            self.gains.append((lag.weight_gain, lag.activation_gain))
        if self.matrices is not None:
            self.matrices.append(G.value(dtype))
        # No entry is larger than the norm: only a norm beyond the type needs a closer look.
        beyond = self.log_norm[-1] >= np.log(np.finfo(dtype).max)
        if beyond and self.overflow_lag is None and not np.isfinite(G.value(dtype)).all():
            self.overflow_lag = k

    def _share(self, G: Scaled) -> float:
        """⟨G, dW_R⟩ / ‖dW_R‖²; NaN where dW_R is zero."""
        if self.log_whole == -np.inf:
            return float("nan")
        with np.errstate(over="ignore"):
            return float(np.ldexp(np.vdot(G.M, self.direction), G.e - self.whole.e))

    def _log_magnitude(self) -> float:
        """ln Σ_k ‖D_k‖‖h‖: what rounding errors are measured against."""
        return float(np.logaddexp.reduce(self.log_total)) + self.log_h

    def rest_below(self, tolerance: float, lag: Lag) -> bool:
        """Whether the lags not yet walked can be left out."""
        bar = float(np.log(tolerance) + np.logaddexp.reduce(self.log_norm))
        if lag.rows.log_norm() + self.log_h > bar:
            return False
        return (self.whole - self.sum).log_norm() <= bar

    def profile(self, rest: Scaled) -> LagProfile:
        miss = (self.whole - self.sum - rest).log_norm()
        dtype = self.trace.layer.dtype
        K = len(self.log_norm)
        allowed = np.log(np.finfo(dtype).eps * (K + 16)) + self._log_magnitude()
        if not miss <= allowed:
            raise ResidualError(
                "by_lag", "lags that add up to dW_R", f"a difference of e^{miss:.1f}",
                "This should not happen: please report it with the network and data.",
            )  # fmt: skip
        relative = np.exp(miss - self.log_whole) if miss > -np.inf else 0.0
        with np.errstate(divide="ignore"):
            rest_log = rest.log_norm() - float(np.logaddexp.reduce(self.log_norm))
        by_step = np.full((len(self.trace.z), K), -np.inf)
        for k, (steps, log10) in enumerate(self.by_step):
            by_step[steps, k] = log10
        return LagProfile(
            log10_norm=np.array(self.log_norm) / LN10,
            share=np.array(self.share),
            log10_signal=np.array(self.log_rms) / LN10,
            log10_signal_by_step=by_step,
            weight_gain=np.array([g for g, _ in self.gains]),
            activation_gain=np.array([g for _, g in self.gains]),
            dW_R=self.whole.value(dtype),
            log10_whole=self.log_whole / LN10,
            matrices=None if self.matrices is None else np.stack(self.matrices),
            residual=float(relative),
            rest=float(np.exp(rest_log)) if rest.M.any() else 0.0,
            overflow_lag=self.overflow_lag,
        )


def _log10_per_step(rows: Rows) -> Array:
    """log10 of the RMS over sequences of the signal's norm, per loss step."""
    B = rows.e.shape[1]
    return np.asarray((log_norm(rows.squares, rows.e, axis=1) - 0.5 * np.log(B)) / LN10)


def _whole(trace: Trace, dh: Array, slope: Array) -> Scaled:
    """dW_R by an ordinary backward pass; carried with its scale where that overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        dz, _ = through_time.backward(dh, slope, trace.layer.W_R)
        H = trace.layer.hidden
        dW_R = (dz.reshape(-1, H).T @ trace.h[:-1].reshape(-1, H)).astype(np.float64)
    if np.isfinite(dW_R).all():
        return Scaled(dW_R)
    return _bptt(trace, dh * slope, np.zeros(dh.shape[:2], np.int64), slope)


def _left_out(trace: Trace, slope: Array, lag: Lag, k: int) -> Scaled:
    """Σ of the G beyond lag k: one backward pass from where the signals stand."""
    zero = Scaled.zeros(trace.layer.W_R.shape)
    if not (lag.steps > k).any():
        return zero
    error = np.zeros_like(trace.z)
    e = np.zeros(trace.z.shape[:2], np.int64)
    error[lag.steps - k], e[lag.steps - k] = lag.rows.D, lag.rows.e
    return _bptt(trace, error, e, slope) - lag.G


def _bptt(trace: Trace, error: Array, e: Array, slope: Array) -> Scaled:
    """Σ_t dz_tᵀ h_{t-1} with dz_t = error_t 2^e + (dz_{t+1} W_R) ⊙ φ′(z_t), scales kept.

    Args:
        trace: the forward pass.
        error: (T, B, H) what enters at the pre-activation of step t.
        e: (T, B) its exponents.
        slope: (T, B, H) φ′(z_t).
    """
    W_R = trace.layer.W_R
    dW_R = Scaled.zeros(W_R.shape)
    dz = Rows.of(np.zeros_like(error[:1]))
    for t in reversed(range(len(error))):
        back, entering = (dz.D @ W_R) * slope[t], error[t : t + 1]
        # Add at the larger scale of the two; a zero has none.
        old = np.where(back.any(-1), dz.e, e[t])
        scale = np.maximum(old, np.where(entering.any(-1), e[t], old))
        total = np.ldexp(back, (dz.e - scale)[..., None])
        total += np.ldexp(entering, (e[t] - scale)[..., None])
        dz = Rows.of(total, scale)
        dW_R += dz.outer_sum(trace.h[t : t + 1])
    return dW_R
