"""Inputs made smaller where they drive the units into saturation: there φ′ is small, and no error passes."""

import numpy as np

from bptt.diagnosis.activity import activity_of
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.presentation.formatting import percent
from bptt.remedies.change import Change
from bptt.remedies.subject import Subject

MUCH = 0.1  # of the slopes, that may be below a tenth of the steepest
SCALES = 2.0 ** -np.arange(0.5, 6.5, 0.5)


def input_scale(subject: Subject, rng: np.random.Generator) -> Change:
    """W_F times the largest scale, in steps of √2, at which the units of no layer are saturated."""
    before = _saturated(subject)
    if max(before) <= MUCH:
        raise OptionError(
            "input-scale", "units of which more than a tenth are saturated", percent(max(before)),
            "It does not apply: the inputs are not too large.",
        )  # fmt: skip
    much = [share > MUCH for share in before]
    for scale in SCALES:
        layers = [_scaled(own, float(scale)) if at else own for own, at in zip(subject.layers, much, strict=True)]  # fmt: skip
        after = max(_saturated(subject.changed(layers)))
        if after <= MUCH:
            return Change(
                (f"W_F times {scale:.2g}: of the slopes {percent(after)} instead of {percent(max(before))} are saturated",),
                layers,
            )  # fmt: skip
    raise OptionError(
        "input-scale", f"a scale of W_F from {SCALES[-1]:.2g} on at which the units are not saturated", "none",
        "It does not apply: it is not the inputs that saturate them.",
    )  # fmt: skip


def _saturated(subject: Subject) -> list[float]:
    return [activity_of(trace).saturated for trace in subject.traces()]


def _scaled(layer: Layer, scale: float) -> Layer:
    layer.W_F *= layer.dtype.type(scale)
    return layer
