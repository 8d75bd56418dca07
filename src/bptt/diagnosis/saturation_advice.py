"""Against slopes that are small because pre-activations are large: what makes them so, made smaller."""

from collections.abc import Iterable
from dataclasses import replace
from math import hypot

from bptt.diagnosis.activity import MUCH
from bptt.diagnosis.evidence import Evidence
from bptt.diagnosis.piece import Advice, Edit, by_edit, by_remedy
from bptt.presentation.formatting import percent

LARGE = 1.0  # root mean square of a pre-activation from which on tanh and the logistic are bent
CLEARLY = 1.25  # times as large: below, scaling would change next to nothing


def make_smaller(evidence: Evidence) -> Iterable[Advice]:
    """The largest part of the pre-activations, if it is large, scaled to 1 or set to zero."""
    cell, drive = evidence.cell, evidence.drive
    # The gates of a carry are at their ends on purpose.
    kept = {evidence.cell.gates[cell.carry_gate], "input"} if cell.carry_gate is not None else set()
    free = [gate for gate, name in cell.gates.items() if name not in kept]
    gate = max(free, key=lambda g: max(drive[g].inputs, drive[g].states, drive[g].bias))
    own, of = drive[gate], gate if evidence.gated else None
    which = f" of the {cell.gates[gate]} gate" if evidence.gated else ""
    if own.size <= CLEARLY * LARGE:
        return
    if own.largest == "inputs" and _inputs_alone(evidence):
        yield _input_scale(evidence, float(f"{LARGE / own.size:.2g}"), str(own))
        return
    if own.largest == "bias":
        edit, change = Edit("b", of, 0.0), f"Set b{which} to zero"
    else:
        factor = float(f"{LARGE / own.size:.2g}")
        edit = Edit("W_F", None, factor) if own.largest == "inputs" else Edit("W_R", of, factor)
        change = f"Scale {edit.parameter}{which * (edit.gate is not None)} by {factor:.2g}"
    yield by_edit(f"{change}: {own}.", edit, evidence.number)


def _inputs_alone(evidence: Evidence) -> bool:
    """Whether many units are saturated, and none would be without the inputs: then the remedy finds a scale."""
    rest = max(hypot(own.states, own.bias) for own in evidence.drive.values())
    return evidence.activity.saturated > MUCH and rest <= LARGE


def _input_scale(evidence: Evidence, factor: float, drive: str) -> Advice:
    advice = by_remedy(
        "input-scale",
        f"Scale W_F by about {factor:.2g}, until no more than {percent(MUCH)} of the slopes are saturated on this batch; now "
        f"it is {percent(evidence.activity.saturated)}: {drive}. This is a first guess; the remedy tries factors and measures again.",
        factor,
    )
    return replace(advice, edit=Edit("W_F", None, factor))
