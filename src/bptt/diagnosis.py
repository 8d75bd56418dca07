r"""From numbers to a verdict (Q12): does the gradient vanish, explode or last, and why.

Attenuation at the needed lag K: signal at lag K over signal at lag 0.

    exploding   the signal grows past 100 times its size at lag 0, at any lag
    vanishing   the attenuation is below 1/100
    steady      neither

The cause is the factor that carries most of it: each step back multiplies the signal by W_R and by φ′,
and the two gains, in ln, add up to what happened (Q9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bptt.dynamics import Spectrum, spectrum
from bptt.errors import OptionError, ShapeError
from bptt.lags import LagProfile, by_lag
from bptt.network import Network, Run

LOG10_VANISHED, LOG10_EXPLODED = -2.0, 2.0
SATURATED = 0.1  # a unit is saturated where its slope is below this part of the steepest slope
MUCH_CANCELLATION = 10.0
LN10 = float(np.log(10.0))

Verdict = Literal["vanishing", "exploding", "steady"]


@dataclass(frozen=True)
class Cause:
    """Why, with its number.

    Attributes:
        name: "weights", "saturation", "activation slope", "non-normal transient", "cancellation" or
            "none".
        number: the measured quantity behind it.
        sentence: what the number is and says.
    """

    name: str
    number: float
    sentence: str


@dataclass(frozen=True, eq=False)
class LayerDiagnosis:
    """One recurrent layer on one batch.

    Attributes:
        name: its name in the network, "rnn.0".
        profile: the gradient by lag.
        needed_lag: the lag the verdict is about.
        verdict: "vanishing", "exploding" or "steady".
        cause: why.
        advice: what to change, the likeliest first.
        log10_attenuation: log10 of signal at the needed lag over signal at lag 0.
        horizon: lags 0..horizon hold 95 % of Σ‖G_k‖.
        rate: mean growth of the signal per step back, ln.
        spectrum: of W_R.
        mean_slope: mean φ′ over steps, sequences and units.
        saturated: fraction of them with a slope below a tenth of the steepest.
        bound: Pascanu's bound in words.
    """

    name: str
    profile: LagProfile
    needed_lag: int
    verdict: Verdict
    cause: Cause
    advice: tuple[str, ...]
    log10_attenuation: float
    horizon: int
    rate: float
    spectrum: Spectrum
    mean_slope: float
    saturated: float
    bound: str


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A network on one batch.

    Attributes:
        layers: one entry per recurrent layer, by name.
        E: the loss on the batch.
        assumed: what was taken for granted, in sentences.
    """

    layers: dict[str, LayerDiagnosis]
    E: float
    assumed: tuple[str, ...]

    @property
    def decisive(self) -> LayerDiagnosis:
        """The layer that the verdict is about: the one whose signal changes most."""
        return max(self.layers.values(), key=lambda layer: abs(layer.log10_attenuation))


def diagnose_network(
    network: Network, batch: tuple[Any, ...], needed_lag: int | None = None
) -> Diagnosis:
    """Measure a network on a batch and say what the numbers mean.

    Args:
        network: the network.
        batch: (x, targets) or (x, targets, h0), as ``network.run`` takes them.
        needed_lag: how far back the task needs the gradient to reach; half the sequence if None.

    Raises:
        OptionError: if the needed lag lies outside the sequence, or the batch is no such tuple.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit.
    """
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise OptionError(
            "batch", "(x, targets) or (x, targets, h0)", type(batch).__name__, "Give a tuple."
        )
    run = network.run(*batch)
    T, B, _ = run.trace.x.shape
    if T < 2:
        raise ShapeError("x", "at least 2 steps", f"{T}", "There is no past in a single step.")
    assumed = [_needed_lag_sentence(needed_lag, T)]
    needed = T // 2 if needed_lag is None else needed_lag
    if not 0 <= needed < T:
        raise OptionError(
            "needed_lag", f"a lag from 0 to {T - 1}, within the sequence", str(needed),
            "Give longer sequences.",
        )  # fmt: skip
    if len(batch) == 2:
        assumed.append("The state before the first step is zero.")
    assumed.append(
        f"The loss is taken at {_loss_at(network)}; the numbers are of one batch, "
        f"{B} sequence{'s' * (B > 1)} of {T} steps."
    )
    layer = _diagnose_layer("rnn.0", run, needed)
    return Diagnosis({layer.name: layer}, run.E, tuple(assumed))


def _diagnose_layer(name: str, run: Run, needed: int) -> LayerDiagnosis:
    layer, slope = run.trace.layer, run.trace.slope()
    profile = by_lag(run.trace, run.dh)
    steepest = layer.phi.steepest or float(slope.max())
    saturated = float((slope < SATURATED * steepest).mean())
    weights = spectrum(layer.W_R)
    # The last loss step may lie closer to the start than the needed lag: then nothing gets there.
    reached = needed < len(profile.lags)
    attenuation = profile.log10_attenuation(needed) if reached else -np.inf
    verdict = _verdict(profile, attenuation)
    mean_slope = float(slope.mean(dtype=np.float64))
    cause = _cause(verdict, profile, needed, weights, steepest, mean_slope, saturated)
    return LayerDiagnosis(
        name=name,
        profile=profile,
        needed_lag=needed,
        verdict=verdict,
        cause=cause,
        advice=_advice(verdict, cause, profile, needed),
        log10_attenuation=attenuation,
        horizon=profile.horizon(),
        rate=profile.rate,
        spectrum=weights,
        mean_slope=mean_slope,
        saturated=saturated,
        bound=weights.bound(layer.phi.steepest),
    )


def _verdict(profile: LagProfile, log10_attenuation: float) -> Verdict:
    if profile.overflow_lag is not None or profile.log10_growth.max() > LOG10_EXPLODED:
        return "exploding"
    return "vanishing" if log10_attenuation < LOG10_VANISHED else "steady"


def _cause(
    verdict: Verdict,
    profile: LagProfile,
    needed: int,
    weights: Spectrum,
    steepest: float,
    mean_slope: float,
    saturated: float,
) -> Cause:
    if verdict == "steady":
        if profile.cancellation > MUCH_CANCELLATION:
            number = profile.cancellation
            return Cause(
                "cancellation", number,
                f"The lags pull against each other: their norms sum to {number:.0f} times the norm "
                "of the gradient.",
            )  # fmt: skip
        return Cause("none", 0.0, "Neither factor takes the signal below 1/100 or above 100.")
    upto = needed if verdict == "vanishing" else int(np.argmax(profile.log10_growth))
    w, a = profile.weight_gain[:upto], profile.activation_gain[:upto]
    if not np.isfinite(np.append(w, a)).all():
        lag = int(np.argmax(profile.log10_signal == -np.inf))
        return Cause("saturation", saturated, f"At lag {lag} no unit passes any signal on.")
    total_w, total_a, steps = float(w.sum()), float(a.sum()), len(w)
    numbers = (
        f"over lags 0 to {steps} W_R multiplies the signal by {_times(total_w)}, "
        f"the activation by {_times(total_a)}"
    )
    if verdict == "exploding":
        if total_a > total_w:
            return Cause("activation slope", total_a / steps, f"φ′ above one: {numbers}.")
        if weights.radius * mean_slope < 1:
            return Cause(
                "non-normal transient", weights.peak,
                f"‖W_R^k‖ peaks at {weights.peak:.3g} (k = {weights.peak_power}) although spectral "
                f"radius · mean slope = {weights.radius * mean_slope:.2f} < 1: {numbers}.",
            )  # fmt: skip
        return Cause("weights", total_w / steps, f"W_R grows the signal: {numbers}.")
    if total_w < total_a:
        return Cause("weights", total_w / steps, f"W_R shrinks the signal: {numbers}.")
    # What even the steepest slope would do, lag after lag; the rest is where the units work.
    if steps * np.log(steepest) < 0.5 * total_a:
        return Cause(
            "activation slope", steepest,
            f"φ′ of this activation is at most {steepest:.2g}: {numbers}.",
        )  # fmt: skip
    return Cause(
        "saturation", mean_slope,
        f"Units work where φ′ is small, {mean_slope:.2f} in the mean and below {SATURATED} of the "
        f"steepest slope for {saturated:.0%} of them: {numbers}.",
    )  # fmt: skip


def _advice(verdict: Verdict, cause: Cause, profile: LagProfile, needed: int) -> tuple[str, ...]:
    if verdict == "steady":
        if cause.name == "cancellation":
            return ("Give larger batches or longer sequences: what is left is mostly noise.",)
        return (f"Nothing, if the task needs no more than lag {needed}.",)
    estimate = np.exp(-profile.rate)
    scale = (
        f"Scale W_R by about {estimate:.2f}, e^(-rate): a first guess, since the activation's slope "
        "changes with it; measure again."
    )
    if verdict == "exploding":
        clip = "Clip the gradient by its norm (bptt train --clip 1)."
        return {
            "weights": (clip, scale, "Start from an orthogonal W_R (--init orthogonal)."),
            "activation slope": (clip, "Use an activation whose slope is at most 1 (tanh)."),
        }.get(cause.name, (clip, "Start from an orthogonal W_R (--init orthogonal)."))
    return {
        "weights": (
            "Start from an orthogonal W_R (--init orthogonal), or identity with relu "
            "(--init identity --activation relu).",
            scale,
            "If the task needs more than a few dozen steps, use a gated cell (LSTM, GRU).",
        ),
        "saturation": (
            "Make pre-activations smaller: scale the inputs or W_F down, or regularise the weights.",
            "Identity W_R with relu does not saturate above zero (--init identity --activation relu).",
            "If the task needs more than a few dozen steps, use a gated cell (LSTM, GRU).",
        ),
        "activation slope": (
            "Use an activation whose slope reaches 1: tanh instead of the logistic, or relu with "
            "identity W_R (--init identity --activation relu).",
            "If the task needs more than a few dozen steps, use a gated cell (LSTM, GRU).",
        ),
    }[cause.name]


def _times(ln: float) -> str:
    """e^ln in digits that a person reads: 0.0021, 35, 1e-40."""
    log10 = ln / LN10
    return f"{10**log10:.2g}" if abs(log10) < 300 else f"1e{log10:+.0f}"


def _needed_lag_sentence(needed_lag: int | None, T: int) -> str:
    if needed_lag is None:
        return (
            f"The task is taken to need lag {T // 2}, half the sequence, because no needed lag was "
            "given. If it needs less, a short horizon is no fault."
        )
    return f"The task needs lag {needed_lag}, as you said."


def _loss_at(network: Network) -> str:
    at: str | Sequence[int] = network.loss_at
    if isinstance(at, str):
        return {"every": "every step", "last": "the last step"}[at]
    return f"{len(at)} steps"
