"""Remedies that were tried, ranked, and written back."""

from dataclasses import dataclass
from typing import Any

from bptt.errors import OptionError
from bptt.remedies.racing import Race
from bptt.remedies.tried import UNCHANGED, Tried


@dataclass(frozen=True, eq=False)
class Ranking:
    """What the remedies did to a model, best first.

    Attributes:
        tried: the remedies that apply and the model as it is, ranked.
        refused: (name, why it does not apply) of the others.
        race: how it was run, or None.
        no_trial: why nothing was trained, or None.
    """

    tried: tuple[Tried, ...]
    refused: tuple[tuple[str, str], ...] = ()
    race: Race | None = None
    no_trial: str | None = None

    @property
    def before(self) -> Tried:
        """The model as it is."""
        return next(tried for tried in self.tried if tried.name == UNCHANGED)

    @property
    def best(self) -> Tried | None:
        """The remedy ranked first; None if nothing did better than the model as it is."""
        return None if self.tried[0].name == UNCHANGED else self.tried[0]

    def named(self, name: str | None = None) -> Tried:
        """A remedy by name, the first-ranked if None.

        Raises:
            OptionError: if it was not tried or does not apply, or no remedy did better than none.
        """
        if name is None:
            if self.best is None:
                raise OptionError(
                    "remedy", "one that does better than the unchanged model", "none does",
                    "Leave the model unchanged, or name a remedy yourself.",
                )  # fmt: skip
            return self.best
        for tried in self.tried:
            if tried.name == name:
                return tried
        why = dict(self.refused).get(name, "it was not tried")
        names = ", ".join(tried.name for tried in self.tried)
        raise OptionError("remedy", f"one of {names}", repr(name), f"Why not this one: {why}")

    def model(self, name: str | None = None) -> Any:
        """A changed copy of the model: of the first-ranked remedy, or the one named.

        Raises:
            OptionError: as ``named``.
        """
        return self.named(name).subject.model

    def apply(self, name: str | None = None) -> dict[str, Any]:
        """Write a remedy into the model itself, the first-ranked or the one named.

        Returns:
            what is to be set in the training too, by name: "lr", "clip", "window", "omega" or "curriculum".

        Raises:
            OptionError: as ``named``; if the cells are of another kind, which only ``model`` can give.
        """
        chosen = self.named(name)
        self.before.subject.take_from(chosen.subject)
        return dict(chosen.changes)
