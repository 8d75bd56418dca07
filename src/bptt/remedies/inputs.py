"""Inputs made smaller where they drive the units into saturation: there φ′ is small, and no error passes."""

import numpy as np

from bptt.diagnosis.activity import MUCH, activity_of
from bptt.errors import OptionError
from bptt.presentation.formatting import percent
from bptt.remedies.change import Change
from bptt.remedies.subject import Subject

SCALES = 2.0 ** -np.arange(0.5, 6.5, 0.5)


def input_scale(subject: Subject, rng: np.random.Generator) -> Change:
    """W_F of each layer, from the bottom, times the largest scale, in steps of √2, at which it is not saturated."""
    before = max(_saturated(subject, number) for number in range(len(subject.names)))
    if before <= MUCH:
        raise OptionError(
            "input-scale", "units of which more than a tenth are saturated", percent(before),
            "It does not apply: the inputs are not too large.",
        )  # fmt: skip
    sentences = []
    for number, name in enumerate(subject.names):
        before = _saturated(subject, number)
        found = None if before <= MUCH else _scaled(subject, number)
        if found is not None:
            scale, subject = found
            of = f"{name}: " if len(subject.names) > 1 else ""
            after = percent(_saturated(subject, number))
            sentences.append(
                f"{of}W_F times {scale:.2g}: of the slopes {after} instead of {percent(before)} are saturated"
            )
    if not sentences:
        raise OptionError(
            "input-scale", f"a scale of W_F from {SCALES[-1]:.2g} on at which the units are not saturated", "none",
            "It does not apply: it is not the inputs that saturate them.",
        )  # fmt: skip
    return Change(tuple(sentences), subject.layers)


def _saturated(subject: Subject, number: int) -> float:
    return activity_of(subject.traces()[number]).saturated


def _scaled(subject: Subject, number: int) -> tuple[float, Subject] | None:
    """The largest scale at which one layer is not saturated, and the model with it; None if none will do."""
    for scale in SCALES:
        layers = subject.layers
        layers[number].W_F *= layers[number].dtype.type(scale)
        changed = subject.changed(layers)
        if _saturated(changed, number) <= MUCH:
            return float(scale), changed
    return None
