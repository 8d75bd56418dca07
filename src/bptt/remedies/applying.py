"""A remedy made in the model itself, or in a copy, without a trial: for whoever follows advice."""

from typing import Any

import numpy as np

from bptt.cells.initialise import random_generator
from bptt.errors import OptionError
from bptt.remedies.catalogue import CATALOGUE
from bptt.remedies.change import Change
from bptt.remedies.part import Part
from bptt.remedies.subject import Subject


def apply_remedy(subject: Subject, name: str, rng: np.random.Generator | int = 0) -> dict[str, Any]:
    """Make a remedy's change in the model itself.

    Args:
        subject: the model on its batch.
        name: of a remedy in the catalogue.
        rng: of the weights that are drawn.

    Returns:
        what is to be set in the training too, by name: "clip", "window" or "omega".

    Raises:
        OptionError: if there is no such remedy, or it does not apply.
    """
    whole, change = _made(subject, name, rng)
    if change.layers is not None:
        whole.take(change.layers)
    elif change.subject is not None:
        whole.take_from(change.subject)
    return dict(change.settings)


def remedied(subject: Subject, name: str, rng: np.random.Generator | int = 0) -> Any:
    """A copy of the model with a remedy's change, layers of another kind among them.

    Args:
        subject: the model on its batch; it is not changed.
        name: of a remedy in the catalogue.
        rng: of the weights that are drawn.

    Raises:
        OptionError: if there is no such remedy, or it does not apply.
    """
    whole, change = _made(subject, name, rng)
    if change.subject is not None:
        return change.subject.model
    return whole.changed(whole.layers if change.layers is None else change.layers).model


def _made(subject: Subject, name: str, rng: np.random.Generator | int) -> tuple[Subject, Change]:
    """A change, and the layers that it is of.

    Raises:
        OptionError: if there is no such remedy, or it does not apply.
    """
    if name not in CATALOGUE:
        raise OptionError(
            "remedy", "one of " + ", ".join(CATALOGUE), repr(name), "Choose from these."
        )
    generator = random_generator(rng)
    try:
        return subject, CATALOGUE[name].made(subject, generator)
    except OptionError as refused:
        return _in_part(subject, name, generator, refused)


def _in_part(
    subject: Subject, name: str, rng: np.random.Generator, refused: OptionError
) -> tuple[Subject, Change]:
    """The change of the layers of the first kind that takes it.

    Args:
        subject: the model on its batch.
        name: of the remedy.
        rng: of the weights that are drawn.
        refused: why the whole model does not take it.

    Raises:
        OptionError: ``refused``, if all layers are of one kind, or none takes it.
    """
    kinds: dict[str, list[int]] = {}
    for number, layer in enumerate(subject.layers):
        kinds.setdefault(layer.kind, []).append(number)
    for chosen in kinds.values() if len(kinds) > 1 else ():
        part: Any = Part(subject, chosen)
        try:
            return part, CATALOGUE[name].make(part, rng)
        except OptionError:
            continue
    raise refused
