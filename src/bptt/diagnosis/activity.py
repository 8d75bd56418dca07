"""Where the units of a layer work on data: their slopes, and how far the gate that carries the state is open."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array
from bptt.layers import Trace
from bptt.layers.sequences import inside

SATURATED = 0.1  # a unit is saturated where its slope is below this part of the steepest slope
MUCH = 0.1  # of the slopes: where more are saturated, something is to be done about it
STEEPEST_GATE = 0.25  # slope of the logistic at 0


@dataclass(frozen=True)
class Activity:
    """The slopes of a layer's units over steps, sequences and units.

    Attributes:
        mean_slope: mean |φ′|; of a gated cell of its candidate.
        steepest: γ, the largest slope that φ has; where it is not known, the largest that was met.
        saturated: fraction of the slopes, of all gates, below a tenth of the steepest.
        carry_gate: mean of the gate that carries the state; None for a cell without one.
    """

    mean_slope: float
    steepest: float
    saturated: float
    carry_gate: float | None


def activity_of(trace: Trace) -> Activity:
    """The activity of a layer on the steps that its sequences really have."""
    cell, phi, real = trace.weights.cell, trace.weights.phi, real_steps(trace)
    values = {gate: trace.gate(gate)[real] for gate in cell.gates}
    candidate = values.pop(cell.candidate)
    if cell.choose_phi:  # then what is saved is what φ acts on, not the gate itself
        slopes = np.abs(phi.derivative(candidate, phi.value(candidate)))
    else:
        slopes = 1 - candidate**2
    steepest = float(phi.steepest or slopes.max())
    saturated = [float((slopes < SATURATED * steepest).mean())]
    for gate in values.values():
        saturated.append(float((gate * (1 - gate) < SATURATED * STEEPEST_GATE).mean()))
    carry = None
    if cell.carry_gate is not None:
        carry = float(values[cell.carry_gate].mean(dtype=np.float64))
    return Activity(
        float(slopes.mean(dtype=np.float64)), steepest, float(np.mean(saturated)), carry
    )


def real_steps(trace: Trace) -> Array:
    """(T, B) True where a sequence has a step."""
    if trace.lengths is None:
        return np.ones(trace.x.shape[:2], bool)
    return inside(trace.lengths, len(trace.x))
