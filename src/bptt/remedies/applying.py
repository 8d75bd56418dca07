"""A remedy made in the model itself, without a trial: for whoever follows advice."""

from typing import Any

import numpy as np

from bptt.cells.initialise import random_generator
from bptt.errors import OptionError
from bptt.remedies.catalogue import CATALOGUE
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
    if name not in CATALOGUE:
        raise OptionError(
            "remedy", "one of " + ", ".join(CATALOGUE), repr(name), "Choose from these."
        )
    change = CATALOGUE[name].make(subject, random_generator(rng))
    if change.layers is not None:
        subject.take(change.layers)
    return dict(change.settings)
