"""What a diagnosis advises of a recurrence that is no layer: the lines of code that stand in its advice, followed."""

import numpy as np

from bptt.errors import OptionError
from bptt.remedies.change import Change
from bptt.remedies.subject import Subject


def keep(subject: Subject, rng: np.random.Generator) -> Change:
    """Initialise what a step keeps of its state for the needed lag: decays, step sizes, the bias of a gate."""
    found = subject.advised()
    if found is None:
        raise OptionError(
            "keep", "advice that a line of code follows", "none",
            "It does not apply: the signal does not vanish, or nothing says what lets a step keep more of its state.",
        )  # fmt: skip
    sentences, changed = found
    return Change(sentences, subject=changed)
