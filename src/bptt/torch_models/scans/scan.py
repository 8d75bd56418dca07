"""What an adapter returns: where the recurrence of a module is, and how the module's output is read from its states."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from bptt.diagnosis import Keep
from bptt.torch_models.scans.kinds import LinearRecurrence


@dataclass(frozen=True, eq=False)
class Scan:
    """A module's call as a linear recurrence.

    Attributes:
        recurrence: how a state follows from the one before, with the graph back to the module's parameters.
        read: (B, T, *S) states -> what the module returned; the first tensor of it, if it returned several.
        facts: numbers to tell besides, by name.
        keep: called with what a step is to keep of the state, says how: the beginning of a sentence, its number, and a line
            of code that makes it in ``module``, or "". The report's advice is made of it.
    """

    recurrence: LinearRecurrence
    read: Callable[[Tensor], Tensor]
    facts: dict[str, float] = field(default_factory=dict)
    keep: Keep | None = None
