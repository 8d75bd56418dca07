r"""From numbers to a verdict (Q12): does the gradient vanish, explode or last, and why.

Attenuation at the needed lag K: signal at lag K over signal at lag 0.

    exploding   the signal grows past 100 times its size at lag 0, at any lag
    vanishing   the attenuation is below 1/100
    steady      neither

``causes`` says which factor carries most of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bptt.diagnosis.activity import CANDIDATE, carry_gate, slopes_of
from bptt.diagnosis.causes import Cause, advice, cause
from bptt.dynamics import Exponents, Spectrum, lyapunov, spectrum
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_step import StepProfile
from bptt.layers import RNN, Trace

LOG10_VANISHED, LOG10_EXPLODED = -2.0, 2.0
SATURATED = 0.1  # a unit is saturated where its slope is below this part of the steepest slope
EXPONENTS = 8  # how many of the leading Lyapunov exponents are computed

Verdict = Literal["vanishing", "exploding", "steady"]


@dataclass(frozen=True, eq=False)
class LayerDiagnosis:
    """One recurrent layer on one batch.

    Attributes:
        name: its name in the network, "rnn.0".
        kind: "rnn", "lstm" or "gru".
        profile: the gradient by lag.
        needed_lag: the lag the verdict is about.
        verdict: "vanishing", "exploding" or "steady".
        cause: why.
        advice: what to change, the likeliest first.
        log10_attenuation: log10 of signal at the needed lag over signal at lag 0.
        horizon: lags 0..horizon hold 95 % of Σ‖G_k‖.
        rate: mean growth of the signal per step back, ln.
        spectrum: of W_R; of a gated cell the candidate's block of it.
        mean_slope: mean |φ′| over steps, sequences and units; of a gated cell of its candidate.
        saturated: fraction of them with a slope below a tenth of the steepest; of a gated cell of all
            gates.
        carry_gate: mean of the gate that carries the state (LSTM f, GRU z); None for an RNN.
        carry_strength: how strongly it passes on the error, along the error, geometric mean over the
            lags up to the needed one; None for an RNN.
        carry_share: the part of the signal that goes that way, mean over these lags; None for an RNN.
        bound: Pascanu's bound in words, or None for a gated cell.
        exponents: leading Lyapunov exponents over the batch's steps, or None where it is too short.
        by_step: the gradient by the step at which the weight acts, and the error of the state at each step.
    """

    name: str
    kind: str
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
    carry_gate: float | None
    carry_strength: float | None
    carry_share: float | None
    bound: str | None
    exponents: Exponents | None
    by_step: StepProfile


def diagnose_traces(
    names: Sequence[str],
    traces: Sequence[Trace],
    profiles: Sequence[LagProfile],
    by_step: Sequence[StepProfile],
    needed: int,
) -> dict[str, LayerDiagnosis]:
    """Each layer's verdict, by name, from its forward pass and its gradient by lag and by step."""
    return {
        name: _diagnose_layer(name, trace, profile, steps, needed)
        for name, trace, profile, steps in zip(names, traces, profiles, by_step, strict=True)
    }


def judged(profile: LagProfile, needed: int) -> tuple[Verdict, float]:
    """The verdict, and log10 of the signal at the needed lag over the signal at lag 0."""
    attenuation = (
        profile.log10_attenuation(needed) if needed < len(profile.log10_signal) else -np.inf
    )
    if profile.log10_growth.max() > LOG10_EXPLODED:
        return "exploding", attenuation
    return "vanishing" if attenuation < LOG10_VANISHED else "steady", attenuation


def severity(verdict: Verdict, profile: LagProfile, log10_attenuation: float) -> tuple[int, float]:
    """By what the layer that decides is chosen: exploding before vanishing before steady, then by how much."""
    rank = ("steady", "vanishing", "exploding").index(verdict)
    grown = float(profile.log10_growth.max())
    return rank, grown if verdict == "exploding" else abs(log10_attenuation)


def _diagnose_layer(
    name: str, trace: Trace, profile: LagProfile, by_step: StepProfile, needed: int
) -> LayerDiagnosis:
    layer = trace.layer
    slopes, steepest = slopes_of(trace)
    candidate = slopes if isinstance(layer, RNN) else slopes[:, CANDIDATE]
    saturated = float((slopes < SATURATED * steepest).mean())
    H = layer.hidden
    block = layer.W_R if isinstance(layer, RNN) else layer.W_R[CANDIDATE * H :][:H]
    weights = spectrum(block)
    verdict, attenuation = judged(profile, needed)
    mean_slope = float(candidate.mean(dtype=np.float64))
    steepest_unit = float(np.max(steepest)) if isinstance(layer, RNN) else 1.0
    why = cause(verdict, profile, needed, weights, steepest_unit, mean_slope, saturated, layer.kind)
    carry = _carry(profile, needed)
    return LayerDiagnosis(
        name=name,
        kind=layer.kind,
        profile=profile,
        needed_lag=needed,
        verdict=verdict,
        cause=why,
        advice=advice(verdict, why, profile, needed, layer.kind),
        log10_attenuation=attenuation,
        horizon=profile.horizon(),
        rate=profile.rate,
        spectrum=weights,
        mean_slope=mean_slope,
        saturated=saturated,
        carry_gate=carry_gate(trace),
        carry_strength=carry[0],
        carry_share=carry[1],
        bound=weights.bound(layer.phi.steepest) if isinstance(layer, RNN) else None,
        exponents=_exponents(trace),
        by_step=by_step,
    )


def _carry(profile: LagProfile, needed: int) -> tuple[float | None, float | None]:
    """Strength and share of the carry over the lags up to the needed one."""
    if profile.carry_gain is None or profile.carry_share is None:
        return None, None
    strength = profile.carry_gain[: max(1, needed)]
    share = profile.carry_share[: max(1, needed)]
    strength, share = strength[np.isfinite(strength)], share[np.isfinite(share)]
    if not len(strength) or not len(share):
        return None, None
    return float(np.exp(strength.mean())), float(share.mean())


def _exponents(trace: Trace) -> Exponents | None:
    """Leading exponents over the longest sequences of the batch, a few at most."""
    T = len(trace.x) if trace.lengths is None else int(trace.lengths.max())
    if T < 20:
        return None
    longest = np.arange(trace.x.shape[1])
    if trace.lengths is not None:
        longest = longest[trace.lengths == T]
    chosen = longest[:2]
    part = Trace(
        trace.layer,
        trace.x[:T, chosen],
        trace.saved[:T, chosen],
        tuple(state[: T + 1, chosen] for state in trace.states),
        None,
        None if trace.resets is None else trace.resets[:T, chosen],
    )
    return lyapunov(part, count=min(EXPONENTS, trace.layer.state_size))
