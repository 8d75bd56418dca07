"""What a remedy gives: other layers, other training, and a sentence for each change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bptt.cells.activations import Activation
from bptt.cells.activations import activation as activation_of
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.remedies.subject import Subject


@dataclass(frozen=True, eq=False)
class Change:
    """Other layers or other parameters, other settings of the training, or both.

    Attributes:
        sentences: what changes, a sentence each.
        layers: in the place of the model's own; None leaves them.
        settings: of ``Settings``, by name.
        subject: a changed copy, where what changes is no layer; None where it is.
    """

    sentences: tuple[str, ...]
    layers: Sequence[Layer] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    subject: Subject | None = None


def span(values: Sequence[float], digits: int | None = None) -> str:
    """One number for all of some layers, or the smallest and the largest.

    Args:
        values: one per layer.
        digits: behind the point; None for whole numbers as they are.

    >>> span([20, 20]), span([2.071, 3.049], 2)
    ('20', '2.07 to 3.05')
    """
    ends = [f"{v:d}" if digits is None else f"{v:.{digits}f}" for v in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


Make = Callable[[Subject, np.random.Generator], Change]


def plain_layers(subject: Subject, remedy: str) -> list[Layer]:
    """Copies of the layers, all plain RNNs.

    Raises:
        OptionError: if one is gated, to which the remedy does not apply.
    """
    layers = subject.layers
    for name, layer in zip(subject.names, layers, strict=True):
        if not layer.cell.choose_phi:
            raise OptionError(
                remedy, "plain RNN layers", f"{layer.kind} ({name})",
                "It does not apply to gated cells: their way back is the carry, see the gates' biases.",
            )  # fmt: skip
    return layers


def with_weights(layer: Layer, activation: str | Activation | None = None, **weights: Any) -> Layer:
    """A copy of a plain layer with some weights, or the activation, in the place of its own.

    Args:
        layer: it is not changed.
        activation: φ, or None to leave it.
        weights: "W_F", "W_R" or "b", each of the shape that it replaces.
    """
    changed = layer.copy()
    for name, value in weights.items():
        setattr(changed, name, np.asarray(value, layer.dtype))
    if activation is not None:
        changed.phi = activation_of(activation)
    return changed
