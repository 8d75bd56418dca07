"""How the copies that race are trained."""

from dataclasses import dataclass

from bptt.arrays import as_number, as_whole
from bptt.errors import OptionError
from bptt.prognoses import BUDGET
from bptt.training import Drawn, Growing

FEWEST = 40  # updates of a budget: one update of each candidate, and a look at what became of it


@dataclass(frozen=True)
class Settings:
    """How a copy trains; a remedy may change it.

    Attributes:
        budget: updates of the training that all is about, and of the race as a whole; 0 trains nothing.
        lr: of Adam.
        batch: sequences, or streams of a text, per update.
        clip: largest norm of the gradient; None never clips.
        length: time steps of a text from one update to the next, k1.
        window: of a text, how far back the gradient of these steps reaches, k2; ``length`` if None.
        omega: weight of Pascanu's Ω in the loss.
        curriculum: the length of a task's sequences from update to update; its own if None.
        seed: of the order of the data.
    """

    budget: int = BUDGET
    lr: float = 1e-3
    batch: int = 32
    clip: float | None = 1.0
    length: int = 64
    window: int | None = None
    omega: float = 0.0
    curriculum: Growing | Drawn | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot work; a float that is whole becomes a whole number."""
        for name, least in (
            ("budget", 0),
            ("batch", 1),
            ("length", 1),
            ("window", 1),
            ("seed", 0),
        ):
            if getattr(self, name) is not None or name != "window":
                whole = as_whole(name, getattr(self, name), least=least)
                object.__setattr__(self, name, whole)
        if 0 < self.budget < FEWEST:
            raise OptionError(
                "budget", f"at least {FEWEST} updates, or 0", str(self.budget),
                "2000 is usual; 0 trains nothing.",
            )  # fmt: skip
        as_number("lr", self.lr, "(0, ∞)", "0.001 is usual.")
        if self.clip is not None:
            as_number("clip", self.clip, "(0, ∞]", "1.0 is usual, None never clips.")
        as_number("omega", self.omega, "[0, ∞)", "0 leaves Ω out.")
