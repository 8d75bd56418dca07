"""What to change, for a verdict and its cause. Nothing is advised that the layer has already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bptt.diagnosis.already import is_identity_relu, is_orthogonal
from bptt.diagnosis.causes import Cause
from bptt.diagnosis.evidence import Evidence
from bptt.dynamics import ENOUGH, bias_that_keeps

ONE_SIDED = ("relu", "leaky_relu")  # their slope is small below zero only


@dataclass(frozen=True)
class Advice:
    """One change that is worth a try.

    Attributes:
        sentence: the change in words, for whoever reads it.
        settings: the same by names and values of a configuration or a training, such as
            ``{"init": "orthogonal"}``; each entry is one way to do it. Empty where no setting does.
    """

    sentence: str
    settings: tuple[Mapping[str, str | float], ...] = ()

    def __str__(self) -> str:
        """The sentence."""
        return self.sentence


ORTHOGONAL: Mapping[str, str | float] = {"init": "orthogonal"}
IDENTITY_RELU: Mapping[str, str | float] = {"init": "identity", "activation": "relu"}

CLIP = Advice("Clip the gradient by its norm, at 1 for a start.", ({"clip": 1.0},))
START_ORTHOGONAL = Advice("Start from an orthogonal W_R.", (ORTHOGONAL,))
ORTHOGONAL_BLOCKS = Advice(
    "Start the recurrent weights from orthogonal blocks.", (ORTHOGONAL,)
)  # fmt: skip
START_IDENTITY = Advice("Start W_R from the identity, with relu.", (IDENTITY_RELU,))
GATED_CELL = Advice(
    "If the task needs more than a few dozen steps, use a gated cell, an LSTM or a GRU.",
    ({"cell": "lstm"}, {"cell": "gru"}),
)
LARGER_BATCHES = Advice(
    "Use larger batches or longer sequences: what is left is mostly noise."
)  # fmt: skip
SMALLER_INPUTS = Advice(
    "Make the pre-activations smaller: scale the inputs or W_F down, or regularise the weights."
)
KEPT_ON = Advice(
    "Keep more units on, since below zero relu has next to no slope: start b above zero, or use tanh.",
    ({"activation": "tanh"},),
)
STEEPER = Advice(
    "Use an activation whose slope reaches 1, such as tanh, or relu with W_R the identity.",
    ({"activation": "tanh"}, IDENTITY_RELU),
)
FLATTER = Advice(
    "Use an activation whose slope is at most 1, such as tanh.", ({"activation": "tanh"},)
)

LET_THROUGH = Advice(
    "Let more of the state through between the steps: drop or scale the outputs and not the state, and put norms and "
    "projections on the way to the outputs."
)
SCALE_LESS = Advice(
    "Let what stands between the steps multiply the state by no more than 1: a norm with a smaller gain, a projection with "
    "smaller weights."
)


def advice_on(evidence: Evidence, cause: Cause) -> tuple[Advice, ...]:
    """What to change, the likeliest first."""
    if evidence.verdict == "steady":
        if cause.name == "cancellation":
            return (LARGER_BATCHES,)
        return (Advice(f"Nothing, if the task needs no more than lag {evidence.needed}."),)
    if cause.name == "loss out of reach":
        return (_further(evidence),)
    if cause.name == "between the steps":
        return (CLIP, SCALE_LESS) if evidence.verdict == "exploding" else (LET_THROUGH,)
    if evidence.verdict == "exploding":
        return CLIP, *_against_growth(evidence, cause)
    if evidence.cell.carry_gate is not None:
        return tuple(_gates(evidence, cause, evidence.cell.carry_gate))
    return tuple(_against_fading(evidence, cause))


def _further(evidence: Evidence) -> Advice:
    """The loss has too short a past."""
    if not evidence.name.endswith(".backward"):
        if len(evidence.profile.log10_signal) == 1:
            return Advice(
                "Take the loss later in the sequence, and pass the state on from step to step: no loss step has a "
                "past yet."
            )
        return Advice("Measure longer sequences, or take the loss later in them.")
    if len(evidence.profile.log10_signal) > 1:
        return Advice(
            "Measure longer sequences, or take the loss earlier in them: this direction reads from the end."
        )
    return Advice(
        "Read this direction at the first step of the sequence (in PyTorch h_n, or out[0, :, H:] with time first): at "
        "the last one it has seen a single input."
    )


def _against_growth(evidence: Evidence, cause: Cause) -> Iterable[Advice]:
    if cause.name == "activation slope":
        yield FLATTER
        return
    if cause.name == "weights":
        yield from _scaled(evidence)
    if not is_orthogonal(evidence.layer):
        yield ORTHOGONAL_BLOCKS if evidence.gated else START_ORTHOGONAL


def _against_fading(evidence: Evidence, cause: Cause) -> Iterable[Advice]:
    """Of a cell without a carry."""
    layer = evidence.layer
    orthogonal, identity_relu = is_orthogonal(layer), is_identity_relu(layer)
    if evidence.gated:
        if not orthogonal:
            yield ORTHOGONAL_BLOCKS
    elif cause.name == "weights":
        if not orthogonal:
            yield Advice(
                "Start from an orthogonal W_R, or from the identity with relu.",
                (ORTHOGONAL, IDENTITY_RELU),
            )
        elif not identity_relu:
            yield START_IDENTITY
        yield from _scaled(evidence)
    elif cause.name == "activation slope":
        yield STEEPER
    elif layer.phi.name in ONE_SIDED:
        yield KEPT_ON
    else:
        yield SMALLER_INPUTS
        yield Advice(
            "Start W_R from the identity, with relu, which does not saturate above zero.",
            (IDENTITY_RELU,),
        )
    yield GATED_CELL


def _gates(evidence: Evidence, cause: Cause, gate: str) -> Iterable[Advice]:
    """Of a cell with a carry: open its gate, by how much that takes."""
    if evidence.passed_on < evidence.enough:
        yield Advice(_opened(evidence, gate))
    elif cause.name == "saturation":
        yield SMALLER_INPUTS
    if cause.name == "gates closed":
        return
    if not is_orthogonal(evidence.layer):
        yield ORTHOGONAL_BLOCKS
    elif cause.name == "weights":
        yield from _scaled(evidence)


def _opened(evidence: Evidence, gate: str) -> str:
    """To keep a tenth over K steps the carry must pass on f = 0.1^(1/K) per step: a bias of log(f / (1 - f))."""
    name, enough = evidence.cell.gates[gate], evidence.enough
    bias = bias_that_keeps(ENOUGH, evidence.steps)
    now = float(evidence.layer.gate(gate, "b").mean())
    mean = evidence.activity.carry_gate
    goal = (
        f"Open the {name} gate: to keep a tenth of the signal over {evidence.steps} steps, {gate} must be "
        f"{enough:.3f} or more"
    )
    if now < bias:
        return (
            f"{goal}, which a bias b_{gate} of {bias:.2f} gives. In the mean b_{gate} is {now:z.2f} now and {gate} "
            f"is {mean:.2f}{_NOTES.get(evidence.cell.name, '')}. Or draw b_{gate} from the lags that "
            "the task has (chrono initialisation)."
        )
    return (
        f"{goal}. Its bias would do, b_{gate} is {now:z.2f} in the mean, but inputs and states close it: {gate} is "
        f"{mean:.2f} in the mean, and {evidence.passed_on:.2f} where the signal goes. Make what they add smaller: scale the inputs down, or regularise the "
        "weights of this gate."
    )


_NOTES = {
    "lstm": " (PyTorch adds two biases: b_f is their sum)",
    "gru": " (z near 1 keeps the state; PyTorch adds two biases: b_z is their sum)",
}


def _scaled(evidence: Evidence) -> Iterable[Advice]:
    """By what undoes a step, where there is such a factor."""
    growth = evidence.growth
    if not np.isfinite(growth) or not growth > 0:
        return
    yield Advice(
        f"Scale W_R by about {1 / growth:.2f}: a step back multiplies the signal by {growth:.2f} in the mean. It is a "
        "first guess, since the activation's slope changes with it; measure again."
    )
