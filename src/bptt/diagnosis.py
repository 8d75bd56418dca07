r"""From numbers to a verdict (Q12): does the gradient vanish, explode or last, and why.

Attenuation at the needed lag K: signal at lag K over signal at lag 0.

    exploding   the signal grows past 100 times its size at lag 0, at any lag
    vanishing   the attenuation is below 1/100
    steady      neither

``causes`` says which factor carries most of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bptt.activity import CANDIDATE, carry_gate, slopes_of
from bptt.causes import Cause, advice, cause
from bptt.dynamics import Exponents, Spectrum, lyapunov, spectrum
from bptt.errors import OptionError, ShapeError
from bptt.lags import LagProfile, by_lag
from bptt.layers import RNN, Trace
from bptt.network import Network, Run

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


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A network on one batch.

    Attributes:
        layers: one entry per recurrent layer and direction, by name.
        E: the loss on the batch.
        assumed: what was taken for granted, in sentences.
        truncation: the K that the user truncates at, or None.
        checked: what was compared with another library, in sentences.
    """

    layers: dict[str, LayerDiagnosis]
    E: float
    assumed: tuple[str, ...]
    truncation: int | None = None
    checked: tuple[str, ...] = ()

    @property
    def decisive(self) -> LayerDiagnosis:
        """The layer that the verdict is about: exploding before vanishing before steady, then by how much."""

        def severity(layer: LayerDiagnosis) -> tuple[int, float]:
            rank = ("steady", "vanishing", "exploding").index(layer.verdict)
            grown = float(layer.profile.log10_growth.max())
            return rank, grown if layer.verdict == "exploding" else abs(layer.log10_attenuation)

        return max(self.layers.values(), key=severity)


def diagnose_network(
    network: Network,
    batch: Any,
    needed_lag: int | None = None,
    *,
    max_lag: int | None = None,
    truncation: int | None = None,
) -> Diagnosis:
    """Measure a network on a batch and say what the numbers mean.

    Args:
        network: the network.
        batch: (x, targets), (x, targets, h0), or a dict of ``network.run``'s arguments by name.
        needed_lag: how far back the task needs the gradient to reach; half the sequence if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        truncation: the K at which the user truncates BPTT, for the report.

    Raises:
        OptionError: if the needed lag lies outside the sequence, or the batch is no such thing.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit.
    """
    arguments = _arguments(batch)
    run = network.run(**arguments)
    traces = run.stack_trace.traces
    T, B, _ = traces[0].x.shape
    needed = needed_or_half(needed_lag, T)
    if max_lag is not None and 0 <= max_lag < needed:
        raise OptionError(
            "max_lag", f"at least the needed lag, {needed}", str(max_lag),
            "Compute more lags, or say that the task needs fewer (needed_lag).",
        )  # fmt: skip
    if truncation is not None and truncation < 1:
        raise OptionError("truncation", "a number from 1", str(truncation), "Or leave it out.")
    profiles = by_lag(run.stack_trace, run.dh, max_lag=max_lag)
    layers = diagnose_traces(network.stack.names, traces, profiles, needed)
    return Diagnosis(
        layers, run.E, tuple(_assumed(network, run, arguments, needed_lag, T, B)), truncation
    )


def needed_or_half(needed_lag: int | None, T: int) -> int:
    """The needed lag, checked; half of T steps if none is given.

    Raises:
        ShapeError: if there is one step only.
        OptionError: if it lies outside the sequence.
    """
    if T < 2:
        raise ShapeError("x", "at least 2 steps", f"{T}", "There is no past in a single step.")
    needed = T // 2 if needed_lag is None else int(needed_lag)
    if not 0 <= needed < T or needed != (needed if needed_lag is None else needed_lag):
        raise OptionError(
            "needed_lag", f"a whole lag from 0 to {T - 1}, within the sequence", str(needed_lag),
            "Give longer sequences.",
        )  # fmt: skip
    return needed


def diagnose_traces(
    names: Sequence[str], traces: Sequence[Trace], profiles: Sequence[LagProfile], needed: int
) -> dict[str, LayerDiagnosis]:
    """Each layer's verdict, by name, from its forward pass and its profile."""
    return {
        name: _diagnose_layer(name, trace, profile, needed)
        for name, trace, profile in zip(names, traces, profiles, strict=True)
    }


def _arguments(batch: Any) -> dict[str, Any]:
    if isinstance(batch, dict) and {"x", "targets"} <= set(batch):
        return batch
    if isinstance(batch, tuple | list) and len(batch) in (2, 3):
        return dict(zip(("x", "targets", "h0"), batch, strict=False))
    raise OptionError(
        "batch", "(x, targets), (x, targets, h0) or a dict with x and targets",
        type(batch).__name__, "Give a tuple or a dict.",
    )  # fmt: skip


def _diagnose_layer(name: str, trace: Trace, profile: LagProfile, needed: int) -> LayerDiagnosis:
    layer = trace.layer
    slopes, steepest = slopes_of(trace)
    candidate = slopes if isinstance(layer, RNN) else slopes[:, CANDIDATE]
    saturated = float((slopes < SATURATED * steepest).mean())
    H = layer.hidden
    block = layer.W_R if isinstance(layer, RNN) else layer.W_R[CANDIDATE * H :][:H]
    weights = spectrum(block)
    attenuation = (
        profile.log10_attenuation(needed) if needed < len(profile.log10_signal) else -np.inf
    )
    verdict = _verdict(profile, attenuation)
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


def _verdict(profile: LagProfile, log10_attenuation: float) -> Verdict:
    if profile.log10_growth.max() > LOG10_EXPLODED:
        return "exploding"
    return "vanishing" if log10_attenuation < LOG10_VANISHED else "steady"


def _assumed(
    network: Network, run: Run, arguments: dict[str, Any], needed_lag: int | None, T: int, B: int
) -> list[str]:
    if needed_lag is None:
        said = [
            f"The task is taken to need lag {T // 2}, half the sequence, because no needed lag was "
            "given. If it needs less, a short horizon is no fault."
        ]
    else:
        said = [f"The task needs lag {needed_lag}, as you said."]
    if arguments.get("h0") is None:
        said.append("The state before the first step is zero.")
    sequences = f"{B} sequence{'s' * (B > 1)}"
    lengths = run.stack_trace.traces[0].lengths
    steps = f"{T} steps" if lengths is None else f"{lengths.min()} to {lengths.max()} steps"
    said.append(
        f"The loss is taken at {_loss_at(network)}; the numbers are of one batch, "
        f"{sequences} of {steps}."
    )
    if len(run.stack_trace.traces) > 1:
        said.append(
            "Lag is counted from the loss step through all layers: the number of recurrent steps in "
            "between, in whichever layer they are taken."
        )
    return said


def _loss_at(network: Network) -> str:
    at: str | Sequence[int] = network.loss_at
    if isinstance(at, str):
        return {"every": "every step", "last": "the last step"}[at]
    return f"{len(at)} steps"
