"""How much a measurement may take, in operations and in bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt.arrays import as_number, as_whole
from bptt.errors import OptionError
from bptt.kernels import speed
from bptt.presentation.progress import Update
from bptt.torch_models.capture.room import Room

SECONDS = 30.0  # of a measurement, unless told
STEPS = 2.0  # training steps that a walk by lag may cost, unless told
WORTH = 3e10  # operations below which nothing is left out
LOOPS = 2.0  # how much slower than a product a pass through a layer is, operation by operation
SLOW = 2e9  # operations per second: what takes less than SECONDS at this speed need not be timed
LITTLE = 1e-4  # of Σ‖G‖: less than this is neither formed nor waited for where ``until`` allows it
ROOM = 1e9  # bytes that may always be taken


@dataclass(frozen=True)
class Bounds:
    """What the user allows.

    Attributes:
        sequences: how many to take apart, "all", or None for as many as the bounds allow.
        max_lag: the largest lag to compute; None for all.
        memory: bytes at most; None for twice those of a training step, and half of what is free.
        seconds: of the whole measurement, as far as they can be foretold; None for a walk by lag of two training steps,
            and 30 s at most.
        seed: by which sequences are drawn.
        worth: operations below which nothing is left out, unless ``seconds`` says so.
        spread: whether the sequences that are drawn are kept apart, for standard errors, and the signals of the loss steps.
        until: given the steps, the lag behind which a walk may end once all that is left is below ``LITTLE``; None to
            go on to the end.
        update: shows how far the measurement has come, or None.
    """

    sequences: int | str | None = None
    max_lag: int | None = None
    memory: float | None = None
    seconds: float | None = None
    seed: int = 0
    worth: float = WORTH
    spread: bool = True
    until: Callable[[int], int] | None = None
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
            cure = "It counts bytes: 4e9 is four gigabytes."
            object.__setattr__(self, "memory", as_number("memory", self.memory, "(0, ∞)", cure))
        if self.seconds is not None:
            seconds = as_number("seconds", self.seconds, "(0, ∞)", "30 is usual.")
            object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "seed", as_whole("seed", self.seed, least=0))

    def operations(self, training: float, wanted: float, spent: "Spent") -> float:
        """How many operations the walk by lag of a module may take.

        Args:
            training: operations of a training step.
            wanted: those that all of it would take.
            spent: what the measurement takes besides.
        """
        if self.seconds is not None:
            return spent.left(self.seconds) * speed.per_second()
        most = max(self.worth, STEPS * training)
        if min(wanted, most) <= spent.left(SECONDS, SLOW) * SLOW:
            return most
        return min(most, max(self.worth, spent.left(SECONDS) * speed.per_second()))

    def compared(self, spent: "Spent") -> float:
        """The part of a batch's sequences whose gradient there is time to compare with autograd's; 1 for all.

        Where there is too little for all, half of what is left is for the walk by lag.

        Args:
            spent: what the measurement has taken, and what the comparison of all will take.
        """
        if self.seconds is None and spent.left(SECONDS, SLOW) > 0:
            return 1.0
        most = SECONDS if self.seconds is None else self.seconds
        needed = spent.check_seconds()
        if spent.seconds + needed < most or not needed:
            return 1.0
        return max(0.0, most - spent.seconds) / 2 / needed

    def bytes(self, training: float, spent: "Spent") -> float:
        """How many bytes the walk by lag of a module may take.

        Args:
            training: those of a training step.
            spent: what the measurement takes besides.
        """
        most = max(ROOM, 2 * training) if self.memory is None else self.memory
        if spent.room is not None:
            most = min(most, spent.room.aim)
        return most - spent.bytes - spent.gaps

    @property
    def room(self) -> Room | None:
        """Bytes that the pass through the model may take; None for any number."""
        if self.memory is not None:
            return Room(self.memory, self.memory)
        free = available()
        return None if free is None else Room(free / 2, free)

    def in_words(self, spent: "Spent", grown: float) -> list[str]:
        """Where a bound was too small for what cannot be left out, and where the time that was asked for goes.

        Args:
            spent: what the measurement takes beside the walks.
            grown: bytes by which the process grew in the forward pass.
        """
        words = []
        if self.memory is not None and grown > self.memory:
            words.append(
                f"The pass through the model itself took about {grown:.2g} bytes, more than the {self.memory:.2g} allowed: "
                "only a batch of fewer or shorter sequences takes less."
            )
        most = SECONDS if self.seconds is None else self.seconds
        if self.seconds is None and spent.left(most, SLOW) > 0:
            return words
        left = spent.left(most)
        if self.seconds is None and left > 0:
            return words
        rest = f"the walk by lag has the other {left:.2g} s"
        words.append(
            f"Of the {most:.3g} s allowed the pass through the model took {spent.seconds:.2g} s, and what there was time to "
            f"compare with autograd was foretold to take {spent.check_seconds():.2g} s; "
            f"{rest if left > 0 else 'the walk by lag is as short as it can be'}."
        )
        return words


@dataclass(frozen=True)
class Spent:
    """What a measurement has taken, and will take, beside the walk by lag of one module.

    Attributes:
        room: bytes that the measurement may take; None for any number.
        bytes: that are held, from shapes.
        gaps: bytes that the process has grown by besides.
        seconds: that are over.
        check: operations of the comparison with autograd, which are still to come.
        share: of the time that is left, this module's.
    """

    room: Room | None = None
    bytes: float = 0.0
    gaps: float = 0.0
    seconds: float = 0.0
    check: float = 0.0
    share: float = 1.0

    def refuse(self, bytes: float, what: str) -> None:
        """Refuse what takes more memory than there may be.

        Args:
            bytes: that it takes beside what is held.
            what: it is.

        Raises:
            OptionError: if it does.
        """
        if self.room is not None:
            self.room.refuse(self.bytes + bytes, what)

    def check_seconds(self, per_second: float | None = None) -> float:
        """What the comparison will take, at a speed; the measured one if None."""
        return LOOPS * self.check / (per_second or speed.per_second()) if self.check else 0.0

    def left(self, seconds: float, per_second: float | None = None) -> float:
        """How many of the seconds are left for the module."""
        return self.share * max(0.0, seconds - self.seconds - self.check_seconds(per_second))


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
