"""What to change, for a verdict and its cause: what the catalogue of remedies would do, with its number for the needed lag.

Nothing is advised that the layer has already, so that advice that was followed gives way to other advice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from bptt.diagnosis import large_inputs
from bptt.diagnosis.already import is_identity_relu, is_orthogonal
from bptt.diagnosis.cause import Cause
from bptt.diagnosis.evidence import Evidence
from bptt.diagnosis.gate_advice import open_carry, usual_bias
from bptt.diagnosis.piece import Advice, Edit, by_edit, by_remedy
from bptt.diagnosis.plain_advice import CLIP, plain_advice
from bptt.diagnosis.saturation_advice import make_smaller
from bptt.diagnosis.verdict import LOG10_EXPLODED
from bptt.presentation.formatting import counted

SPARE = 0.5  # log10 by which a signal is to stay below what counts as exploding
ONE_SIDED = ("relu", "leaky_relu")  # their slope is small below zero only

ORTHOGONAL: Mapping[str, str | float] = {"init": "orthogonal"}
TANH: Mapping[str, str | float] = {"activation": "tanh"}

TURNED = by_remedy(
    "orthogonal",
    "Initialise W_R as an orthogonal matrix: it rotates the signal and keeps its length.",
    settings=(ORTHOGONAL,),
)
TURNED_BLOCKS = by_remedy(
    "orthogonal",
    "Initialise W_R of every gate as an orthogonal matrix: each rotates what passes through it and keeps its length.",
    settings=(ORTHOGONAL,),
)
IDENTITY = by_remedy(
    "identity-relu",
    "Make W_R the identity, b zero and the activation relu: units above zero pass the signal on unchanged.",
)
OTHER_SLOPE = by_remedy(
    "activation",
    "Use tanh, whose slope is 1 at zero and never more.",
    settings=(TANH,),
)
TWO_SIDED = by_remedy(
    "activation",
    "Use tanh: below zero the slope of this activation is almost zero, and too many units are there. Or start with b above zero.",
    settings=(TANH,),
)


def advice_on(evidence: Evidence, cause: Cause) -> tuple[Advice, ...]:
    """What to change, the likeliest first."""
    plain = plain_advice(evidence, cause)
    if plain:
        return plain
    if cause.name == large_inputs.NAME:
        return (*large_inputs.standardise(evidence), *make_smaller(evidence))
    if cause.name == "layers above":
        return (_damped(evidence), CLIP)
    if evidence.verdict == "exploding":
        return *_against_growth(evidence, cause), CLIP
    if evidence.cell.carry_gate is not None:
        return tuple(_gates(evidence, cause, evidence.cell.carry_gate))
    return tuple(_against_fading(evidence, cause))


def _damped(evidence: Evidence) -> Advice:
    """A little less per step, so that what adds up over the lags stays below what counts as exploding."""
    excess = float(evidence.profile.log10_growth[evidence.last]) - LOG10_EXPLODED + SPARE
    factor = float(f"{10 ** (-excess / evidence.steps):.3g}")
    return by_edit(
        f"Scale W_R of this layer and of those above by {factor:.3g}, so that the errors from above fade on their way.",
        Edit("W_R", None, factor, above=True), evidence.number,
    )  # fmt: skip


def _against_growth(evidence: Evidence, cause: Cause) -> Iterable[Advice]:
    if cause.name == "activation slope":
        yield OTHER_SLOPE
    if not is_orthogonal(evidence.layer):
        yield TURNED_BLOCKS if evidence.gated else TURNED
    if cause.name == "weights":
        yield from _scaled(evidence)


def _against_fading(evidence: Evidence, cause: Cause) -> Iterable[Advice]:
    """Of a cell without a carry."""
    layer = evidence.layer
    orthogonal, identity_relu = is_orthogonal(layer), is_identity_relu(layer)
    if evidence.gated:
        if not orthogonal:
            yield TURNED_BLOCKS
    elif cause.name == "activation slope":
        yield OTHER_SLOPE
        yield IDENTITY
    elif cause.name == "saturation" and layer.phi.name in ONE_SIDED:
        yield TWO_SIDED
    else:
        if cause.name == "saturation":
            yield from make_smaller(evidence)
        if not identity_relu:
            yield IDENTITY
        if cause.name == "weights":
            if not orthogonal:
                yield TURNED
            yield from _scaled(evidence)
    yield from _gated_cells(evidence)


def _gated_cells(evidence: Evidence) -> Iterable[Advice]:
    """A cell with a carry in the place of one without, its gate open as far as the lag asks for."""
    bias = usual_bias(evidence.steps)
    for kind, gate in (("gru", "z"), ("lstm", "f")):
        advice = by_remedy(
            kind,
            f"Replace this cell with {'a' if kind == 'gru' else 'an'} {kind.upper()}, with b_{gate} at {bias:.2f}, which "
            f"keeps a tenth of the signal over {counted(evidence.steps, 'step')}.",
            bias,
        )
        yield replace(advice, code=f'model = report.remedied("{kind}")')


def _gates(evidence: Evidence, cause: Cause, gate: str) -> Iterable[Advice]:
    """Of a cell with a carry: open its gate, by how much that takes."""
    if evidence.passed_on < evidence.enough:
        yield from open_carry(evidence, gate)
    elif cause.name == "saturation":
        yield from make_smaller(evidence)
    if cause.name == "gates closed":
        return
    if not is_orthogonal(evidence.layer):
        yield TURNED_BLOCKS
    elif cause.name == "weights":
        yield from _scaled(evidence)


def _scaled(evidence: Evidence) -> Iterable[Advice]:
    """By what undoes a step, where there is such a factor."""
    growth = evidence.growth
    if not np.isfinite(growth) or not growth > 0:
        return
    yield by_remedy(
        "gain",
        f"Scale W_R by about {1 / growth:.2f}, until the signal keeps its size on this batch: a step back multiplies it by "
        f"{growth:.2f} on average. This is a first guess, since the activation's slope changes with it; the remedy tries "
        "factors and measures again.",
        number=1 / growth,
    )
