"""How much a measurement may take, in operations and in bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt.arrays import as_number, as_whole
from bptt.errors import OptionError
from bptt.kernels import speed
from bptt.presentation.progress import Update

SECONDS = 30.0  # of a walk by lag, unless told
STEPS = 2.0  # training steps that a walk by lag may cost, unless told
WORTH = 3e10  # operations below which nothing is left out
SLOW = 2e9  # operations per second: what takes less than SECONDS at this speed need not be timed
ROOM = 1e9  # bytes that may always be taken


@dataclass(frozen=True)
class Bounds:
    """What the user allows.

    Attributes:
        sequences: how many to take apart, "all", or None for as many as the bounds allow.
        max_lag: the largest lag to compute; None for all.
        memory: bytes at most; None for twice those of a training step, and half of what is free.
        seconds: of the walk by lag; None for two training steps, and 30 s at most.
        seed: by which sequences are drawn.
        worth: operations below which nothing is left out, unless ``seconds`` says so.
        spread: whether the sequences that are drawn are kept apart, for standard errors.
        update: shows how far the measurement has come, or None.
    """

    sequences: int | str | None = None
    max_lag: int | None = None
    memory: float | None = None
    seconds: float | None = None
    seed: int = 0
    worth: float = WORTH
    spread: bool = True
    update: Update | None = None

    def __post_init__(self) -> None:
        """Refuse what bounds nothing."""
        if isinstance(self.sequences, str):
            if self.sequences != "all":
                raise OptionError(
                    "sequences", 'a whole number, "all" or None', repr(self.sequences),
                    "None takes as many as memory and time allow.",
                )  # fmt: skip
        elif self.sequences is not None:
            sequences: Any = as_whole("sequences", self.sequences, least=1, cure='"all" takes all.')
            object.__setattr__(self, "sequences", sequences)
        if self.memory is not None:
            as_number("memory", self.memory, "(0, ∞)", "It counts bytes: 4e9 is four gigabytes.")
        if self.seconds is not None:
            as_number("seconds", self.seconds, "(0, ∞)", "30 is usual.")

    def operations(self, training: float, wanted: float) -> float:
        """How many operations the walk by lag may take.

        Args:
            training: operations of a training step.
            wanted: those that all of it would take.
        """
        if self.seconds is not None:
            return self.seconds * speed.per_second()
        most = max(self.worth, STEPS * training)
        if min(wanted, most) <= SECONDS * SLOW:
            return most
        return min(most, SECONDS * speed.per_second())

    def bytes(self, training: float) -> float:
        """How many bytes a measurement may take.

        Args:
            training: those of a training step.
        """
        if self.memory is not None:
            return self.memory
        free = available()
        most = max(ROOM, 2 * training)
        return most if free is None else min(most, free / 2)

    @property
    def of_a_call(self) -> float | None:
        """Bytes that autograd may keep of a recurrent call; None for any number."""
        if self.memory is not None:
            return self.memory / 3
        free = available()
        return None if free is None else free / 3


def available() -> float | None:
    """Bytes of memory that are free for this process, where the system says so."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [
            1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")
        ]
        most = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if most != "max":
            taken = Path("/sys/fs/cgroup/memory.current").read_text()
            found.append(float(most) - float(taken))
    except OSError:  # another system, or one without a limit of its own
        return min(found, default=None)
    return min(found, default=None)
