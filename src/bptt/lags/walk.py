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

from bptt.arrays import Array, as_floats
from bptt.errors import OptionError, ResidualError
from bptt.lags.profile import LagProfile
from bptt.lags.scaled import Rows, Scaled, log_norm, outer_sum, squares
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
    W_R, h = trace.layer.W_R, trace.h
    steps = np.flatnonzero(dh.any((1, 2)))
    rows = Rows.of(_at(dh, steps) * _at(slope, steps))
    spare = np.empty_like(rows.D)
    gains = (np.nan, np.nan)
    for k in range(len(dh)):
        # h[s] is the state before step s = t - k.
        yield Lag(steps, rows, outer_sum(rows, _at(h, steps - k)), *gains)
        done = int(np.searchsorted(steps, k, "right"))  # these stand at the first step already
        steps, rows = steps[done:], rows.drop_first(done)
        if not len(steps):
            return
        before = rows.log_norm()
        P = np.matmul(rows.D, W_R, out=spare[: len(steps)])
        through_weights = log_norm(squares(P), rows.e)
        spare = rows.D
        P *= _at(slope, steps - k - 1)
        rows = replace(rows, D=P)
        rows.rescale()
        with np.errstate(invalid="ignore"):  # a signal that is zero has no gain: NaN
            gains = (
                float(np.subtract(through_weights, before)),
                float(np.subtract(rows.log_norm(), through_weights)),
            )


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
        self.sum = Scaled(np.zeros_like(trace.layer.W_R, np.float64))
        self.log_h = 0.5 * float(np.log(np.square(trace.h, dtype=np.float64).sum() or 1.0))
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
        self.sum = self.sum.plus(G)
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
        if self.overflow_lag is None and G.log2_peak() >= np.finfo(dtype).maxexp:
            self.overflow_lag = k

    def _share(self, G: Scaled) -> float:
        """⟨G, dW_R⟩ / ‖dW_R‖²; NaN where dW_R is zero."""
        if self.log_whole == -np.inf:
            return float("nan")
        norm = np.linalg.norm(self.whole.M)
        with np.errstate(over="ignore"):
            ratio = np.ldexp(np.vdot(G.M, self.whole.M / norm), G.e - self.whole.e)
        return float(ratio / norm)

    def _log_magnitude(self) -> float:
        """ln Σ_k ‖D_k‖‖h‖: what rounding errors are measured against."""
        return float(np.logaddexp.reduce(self.log_total)) + self.log_h

    def rest_below(self, tolerance: float, lag: Lag) -> bool:
        """Whether the lags not yet walked can be left out."""
        bar = float(np.log(tolerance) + np.logaddexp.reduce(self.log_norm))
        if lag.rows.log_norm() + self.log_h > bar:
            return False
        return self.whole.minus(self.sum).log_norm() <= bar

    def profile(self, rest: Scaled) -> LagProfile:
        miss = self.sum.plus(rest).minus(self.whole).log_norm()
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
    with np.errstate(divide="ignore"):
        if not rows.e.any():
            return np.asarray(0.5 * np.log10(rows.squares.mean(1)))
    logs = [log_norm(s, e) for s, e in zip(rows.squares, rows.e, strict=True)]
    return (np.array(logs) - 0.5 * np.log(rows.e.shape[1])) / LN10


def _whole(trace: Trace, dh: Array, slope: Array) -> Scaled:
    """dW_R by an ordinary backward pass; carried with its scale where that overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        dW_R = trace.layer.backward(trace, dh).dW_R.astype(np.float64)
    if np.isfinite(dW_R).all():
        return Scaled(dW_R)
    return _bptt(trace, dh * slope, np.zeros(dh.shape[:2], np.int64), slope)


def _left_out(trace: Trace, slope: Array, lag: Lag, k: int) -> Scaled:
    """Σ of the G beyond lag k: one backward pass from where the signals stand."""
    zero = Scaled(np.zeros_like(trace.layer.W_R, np.float64))
    if not (lag.steps > k).any():
        return zero
    error = np.zeros_like(trace.z)
    e = np.zeros(trace.z.shape[:2], np.int64)
    error[lag.steps - k], e[lag.steps - k] = lag.rows.D, lag.rows.e
    return _bptt(trace, error, e, slope).minus(lag.G)


def _bptt(trace: Trace, error: Array, e: Array, slope: Array) -> Scaled:
    """Σ_t dz_tᵀ h_{t-1} with dz_t = error_t 2^e + (dz_{t+1} W_R) ⊙ φ′(z_t), scales kept.

    Args:
        trace: the forward pass.
        error: (T, B, H) what enters at the pre-activation of step t.
        e: (T, B) its exponents.
        slope: (T, B, H) φ′(z_t).
    """
    W_R = trace.layer.W_R
    dW_R = Scaled(np.zeros_like(W_R, np.float64))
    dz = Rows.of(np.zeros_like(error[:1]))
    for t in reversed(range(len(error))):
        back, entering = (dz.D @ W_R) * slope[t], error[t : t + 1]
        # Add at the larger scale of the two; a zero has none.
        old = np.where(back.any(-1), dz.e, e[t])
        new = np.where(entering.any(-1), e[t], old)
        scale = np.maximum(old, new)
        with np.errstate(under="ignore"):
            total = np.ldexp(back, np.maximum(dz.e - scale, -10_000)[..., None] * 1) + np.ldexp(
                entering, np.maximum(e[t] - scale, -10_000)[..., None]
            )
        dz = Rows.of(total, scale)
        dW_R = dW_R.plus(outer_sum(dz, trace.h[t : t + 1]))
    return dW_R
