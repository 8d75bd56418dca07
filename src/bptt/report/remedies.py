"""Remedies that were tried, ranked, in every form they are read in, and written back."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bptt.errors import OptionError
from bptt.remedies import UNCHANGED, Tried
from bptt.report.plain import plain
from bptt.report.shown import Shown

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from bptt.report.gallery import Charts


@dataclass(frozen=True, eq=False)
class RemedyReport(Shown):
    """What the remedies did to a model, best first.

    Attributes:
        tried: the remedies that apply and the model as it is, ranked.
        refused: (name, why it does not apply) of the others.
        title: what was measured, in a line.
        facts: (name, value) pairs about data and training.
    """

    tried: tuple[Tried, ...]
    refused: tuple[tuple[str, str], ...] = ()
    title: str = "A recurrent network"
    facts: tuple[tuple[str, str], ...] = ()

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
                    "remedy", "one that does better than the model as it is", "none does",
                    "Leave the model as it is, or name a remedy yourself.",
                )  # fmt: skip
            return self.best
        for tried in self.tried:
            if tried.name == name:
                return tried
        why = dict(self.refused).get(name, "it was not tried")
        names = ", ".join(tried.name for tried in self.tried)
        raise OptionError("remedy", f"one of {names}", repr(name), f"Of this one: {why}")

    def model(self, name: str | None = None) -> Any:
        """A changed copy of the model: of the first-ranked remedy, or the one named.

        Raises:
            OptionError: as ``named``.
        """
        return self.named(name).subject.model

    def apply(self, name: str | None = None) -> dict[str, Any]:
        """Write a remedy into the model itself, the first-ranked or the one named.

        Returns:
            what is to be set in the training too, by name: "clip", "window" or "omega".

        Raises:
            OptionError: as ``named``.
        """
        chosen = self.named(name)
        self.before.subject.take(chosen.subject.layers)
        return dict(chosen.changes)

    @cached_property
    def charts(self) -> "Charts":
        """The charts as Altair objects: ``charts.gradients``, ``charts.memories``, ``charts.trials``.

        One that has nothing to draw raises OptionError and says why.
        """
        from bptt.report.gallery import Charts  # Altair is heavy: only where a chart is made
        from bptt.report.remedies_page import figures

        return Charts(lambda: figures(self), of="report.charts")

    def to_json(self) -> str:
        """Everything that was measured, as JSON; infinite numbers and NaN become null."""
        document = {
            "title": self.title,
            "facts": dict(self.facts),
            "ranked": [_row(tried) for tried in self.tried],
            "does_not_apply": dict(self.refused),
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)

    def html(self) -> str:
        """The page, complete in itself."""
        from bptt.report.remedies_page import page

        return page(self)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """For a terminal that uses rich."""
        from bptt.report.remedies_terminal import render

        yield from render(self)


def _row(tried: Tried) -> dict[str, Any]:
    decisive, memory, trial = tried.diagnosis.decisive, tried.diagnosis.memory, tried.trial
    row: dict[str, Any] = {
        "name": tried.name,
        "does": tried.does,
        "source": tried.source,
        "changes": tried.said,
        "training": tried.changes,
        "verdict": decisive.verdict,
        "needed_lag": decisive.needed_lag,
        "log10_attenuation": tried.log10_attenuation,
        "horizon": decisive.horizon,
        "rate": decisive.rate,
        "log10_norm": decisive.profile.log10_norm,
        "remembered": tried.remembered,
        "memory": None if memory is None else memory.r2,
        "made_in_seconds": tried.seconds,
        "trial": None,
    }
    if trial is not None:
        row["trial"] = {
            "loss": trial.loss,
            "unit": trial.unit,
            "steps": len(trial.norms),
            "seconds_per_step": trial.seconds,
            "stopped": trial.stopped,
            "history": trial.history,
        }
    return {name: plain(value) for name, value in row.items()}
