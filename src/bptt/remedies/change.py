"""What a remedy gives: other layers, other training, and a sentence for each change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptt.errors import OptionError
from bptt.layers import RNN, Layer
from bptt.remedies.subject import Subject


@dataclass(frozen=True, eq=False)
class Change:
    """Other layers, other settings of the training, or both.

    Attributes:
        said: what changes, a sentence each.
        layers: in the place of the model's own; None leaves them.
        settings: of ``Settings``, by name.
    """

    said: tuple[str, ...]
    layers: Sequence[Layer] | None = None
    settings: dict[str, Any] = field(default_factory=dict)


Make = Callable[[Subject, np.random.Generator], Change]


def plain_layers(subject: Subject, remedy: str) -> list[RNN]:
    """The layers, all plain RNNs.

    Raises:
        OptionError: if one is gated, to which the remedy does not apply.
    """
    found = []
    for name, layer in zip(subject.names, subject.layers, strict=True):
        if not isinstance(layer, RNN):
            raise OptionError(
                remedy, "plain RNN layers", f"{layer.kind} ({name})",
                "It does not apply to gated cells: their way back is the carry, see the gates' biases.",
            )  # fmt: skip
        found.append(layer)
    return found


def with_weights(layer: RNN, activation: Any = None, **weights: Any) -> RNN:
    """A plain layer with some weights, or the activation, in the place of its own."""
    own = {name: value.copy() for name, value in layer.parameters().items()}
    own |= {name: np.asarray(value, layer.dtype) for name, value in weights.items()}
    return RNN(**own, activation=activation or layer.phi)
