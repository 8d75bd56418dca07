"""One recurrent layer on one batch: its verdict, the cause, the advice, and the numbers behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bptt.diagnosis.activity import activity_of
from bptt.diagnosis.advice import advice_on
from bptt.diagnosis.causes import cause_of
from bptt.diagnosis.drive import drive_of
from bptt.diagnosis.evidence import Evidence
from bptt.diagnosis.recurrence import RecurrenceDiagnosis
from bptt.diagnosis.verdict import judged
from bptt.dynamics import Exponents, Spectrum, lyapunov, spectrum
from bptt.gradients.by_lag import LagProfile
from bptt.gradients.by_step import StepProfile
from bptt.layers import Trace

EXPONENTS = 8  # how many of the leading Lyapunov exponents are computed
STEPS = 2000  # of a sequence that they are computed over, its last: their standard error is small by then
FEWEST_STEPS = 300  # of a wide layer
WORTH = 1e10  # operations of a product that the exponents may take: a second or so


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerDiagnosis(RecurrenceDiagnosis):
    """One recurrent layer on one batch: a cell with the recurrent weights W_R, whose every factor is known.

    Attributes:
        profile: the gradient of W_R by lag.
        gated: whether the cell has gates.
        carry: the gate that carries the state past W_R, "forget gate f"; None for a cell without one.
        spectrum: of W_R; of a gated cell the candidate's block of it.
        mean_slope: mean |φ′| over steps, sequences and units; of a gated cell of its candidate.
        saturated: fraction of them with a slope below a tenth of the steepest; of a gated cell of all
            gates.
        carry_gate: mean of the gate that carries the state; None for a cell without one.
        bound: Pascanu's bound in words, or None for a gated cell.
    """

    profile: LagProfile
    gated: bool
    carry: str | None
    spectrum: Spectrum
    mean_slope: float
    saturated: float
    carry_gate: float | None
    bound: str | None


def diagnose_traces(
    names: Sequence[str],
    traces: Sequence[Trace],
    profiles: Sequence[LagProfile],
    by_step: Sequence[StepProfile],
    needed: Sequence[int],
    unbroken: Sequence[Trace] | None = None,
) -> dict[str, LayerDiagnosis]:
    """Each layer's diagnosis, by name.

    Args:
        names: of the layers.
        traces: their forward passes.
        profiles: their gradients by lag.
        by_step: their gradients by step.
        needed: the lag that the verdict on each is about.
        unbroken: their forward passes in the pieces that nothing interrupts, where ``traces`` are put together
            of several: Lyapunov exponents are those of a piece.
    """
    judged_alone = judge_traces(names, traces, profiles, needed)
    rest = zip(judged_alone.items(), by_step, unbroken or traces, strict=True)
    return {
        name: replace(layer, by_step=steps, exponents=leading_exponents(trace))
        for (name, layer), steps, trace in rest
    }


def judge_traces(
    names: Sequence[str],
    traces: Sequence[Trace],
    profiles: Sequence[LagProfile],
    needed: Sequence[int],
) -> dict[str, LayerDiagnosis]:
    """The same from the gradients by lag alone: without exponents, and without what each step moves.

    Args:
        names: of the layers.
        traces: their forward passes.
        profiles: their gradients by lag.
        needed: the lag that the verdict on each is about.
    """
    each = zip(names, traces, profiles, needed, strict=True)
    return {of_layer[0]: _judge_layer(n, *of_layer) for n, of_layer in enumerate(each)}


def _judge_layer(
    number: int, name: str, trace: Trace, profile: LagProfile, needed: int
) -> LayerDiagnosis:
    layer, cell = trace.layer, trace.layer.cell
    verdict, attenuation = judged(profile, needed)
    evidence = Evidence(
        name=name, profile=profile, needed=needed, verdict=verdict, layer=layer,
        weights=spectrum(layer.gate(cell.candidate)), activity=activity_of(trace), drive=drive_of(trace), number=number,
    )  # fmt: skip
    why = cause_of(evidence)
    activity, weights, carried_by = evidence.activity, evidence.weights, cell.carry_gate
    return LayerDiagnosis(
        name=name,
        kind=cell.name,
        gated=evidence.gated,
        carry=None if carried_by is None else f"{cell.gates[carried_by]} gate {carried_by}",
        profile=profile,
        needed_lag=needed,
        verdict=verdict,
        cause=why,
        advice=advice_on(evidence, why),
        log10_attenuation=attenuation,
        horizon=profile.horizon(),
        rate=profile.rate,
        spectrum=weights,
        mean_slope=activity.mean_slope,
        saturated=activity.saturated,
        carry_gate=activity.carry_gate,
        carry_strength=evidence.carry_strength,
        carry_share=evidence.carry_share,
        bound=None if evidence.gated else weights.bound(layer.phi.steepest),
    )


def leading_exponents(trace: Trace) -> Exponents | None:
    """Leading exponents over the longest sequences of the batch, a few at most; None where they are too short."""
    T = len(trace.x) if trace.lengths is None else int(trace.lengths.max())
    if T < 20:
        return None
    longest = np.arange(trace.x.shape[1])
    if trace.lengths is not None:
        longest = longest[trace.lengths == T]
    chosen, count = longest[:2], min(EXPONENTS, trace.layer.state_size)
    each = 2 * len(chosen) * count * trace.weights.W_R.size
    first = max(0, T - min(STEPS, max(FEWEST_STEPS, int(WORTH / each))))
    part = replace(
        trace,
        x=trace.x[first:T, chosen],
        saved=trace.saved[first:T, chosen],
        states=tuple(state[first : T + 1, chosen] for state in trace.states),
        lengths=None,
        resets=None if trace.resets is None else trace.resets[first:T, chosen],
    )
    return lyapunov(part, count=count)
