"""What to change, for a verdict and its cause."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bptt.cells import Cell
from bptt.diagnosis.causes import Cause
from bptt.diagnosis.verdict import Verdict
from bptt.gradients.by_lag import LagProfile


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
GATED_CELL = Advice(
    "If the task needs more than a few dozen steps, use a gated cell, an LSTM or a GRU.",
    ({"cell": "lstm"}, {"cell": "gru"}),
)


def advice_on(
    verdict: Verdict, cause: Cause, profile: LagProfile, needed: int, cell: Cell
) -> tuple[Advice, ...]:
    """What to change, the likeliest first.

    Args:
        verdict: on the layer.
        cause: why.
        profile: the gradient by lag.
        needed: the lag the verdict is about.
        cell: what the layer is made of.
    """
    if verdict == "steady":
        if cause.name == "cancellation":
            return (
                Advice("Use larger batches or longer sequences: what is left is mostly noise."),
            )
        return (Advice(f"Nothing, if the task needs no more than lag {needed}."),)
    if cause.name == "loss out of reach":
        return (Advice("Measure longer sequences, or take the loss later in them."),)
    if verdict == "exploding":
        return CLIP, *_against_growth(cause, profile)
    if cell.carry_gate is not None:
        return _open_the_gate(cause, cell, cell.carry_gate)
    if cause.name == "gates closed":
        return START_ORTHOGONAL, GATED_CELL
    return {
        "weights": (
            Advice(
                "Start from an orthogonal W_R, or from the identity with relu.",
                (ORTHOGONAL, IDENTITY_RELU),
            ),
            _scaled(profile),
            GATED_CELL,
        ),
        "saturation": (
            Advice(
                "Make the pre-activations smaller: scale the inputs or W_F down, or regularise the weights."
            ),
            Advice(
                "Start W_R from the identity, with relu, which does not saturate above zero.",
                (IDENTITY_RELU,),
            ),
            GATED_CELL,
        ),
        "activation slope": (
            Advice(
                "Use an activation whose slope reaches 1: tanh instead of the logistic, or relu with W_R "
                "the identity.",
                ({"activation": "tanh"}, IDENTITY_RELU),
            ),
            GATED_CELL,
        ),
    }[cause.name]


def _against_growth(cause: Cause, profile: LagProfile) -> tuple[Advice, ...]:
    if cause.name == "activation slope":
        return (
            Advice(
                "Use an activation whose slope is at most 1, such as tanh.",
                ({"activation": "tanh"},),
            ),
        )
    if cause.name == "weights":
        return _scaled(profile), START_ORTHOGONAL
    return (START_ORTHOGONAL,)


def _open_the_gate(cause: Cause, cell: Cell, gate: str) -> tuple[Advice, ...]:
    opened = Advice(
        f"Open the {cell.gates[gate]} gate: start its bias b_{gate} at 1 to log(T) instead of 0 (PyTorch "
        "adds two biases), or draw it from the lags the task has (chrono initialisation)."
    )
    if cause.name == "gates closed":
        return (opened,)
    return opened, Advice("Start the recurrent weights from orthogonal blocks.", (ORTHOGONAL,))


def _scaled(profile: LagProfile) -> Advice:
    estimate = np.exp(-profile.rate)
    return Advice(
        f"Scale W_R by about {estimate:.2f}, e^(-rate): a first guess, since the activation's slope "
        "changes with it; measure again."
    )
