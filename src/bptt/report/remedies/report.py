"""Remedies that were tried, ranked, in every form they are read in, and written back."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bptt.extras import needing
from bptt.presentation.savable import Savable
from bptt.remedies import Ranking, Tried

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from bptt.presentation.chart_access import Charts


@dataclass(frozen=True, eq=False)
class RemedyReport(Ranking, Savable):
    """A ranking of remedies as a page, a table and JSON; see ``bptt.remedies.Ranking``.

    Attributes:
        title: what was measured, in a line.
        facts: (name, value) pairs about data and training.
    """

    title: str = "A recurrent network"
    facts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, ranking: Ranking, title: str, facts: tuple[tuple[str, str], ...]) -> "RemedyReport":
        """A report of a ranking.

        Args:
            ranking: the remedies, ranked.
            title: what was measured.
            facts: (name, value) pairs.
        """
        return cls(ranking.tried, ranking.refused, ranking.race, ranking.no_trial, title, facts)

    @cached_property
    def charts(self) -> "Charts":
        """The charts as Altair objects: ``charts.race``, ``charts.gradients``, ``charts.memories``.

        One that has nothing to draw raises OptionError and says why.
        """
        from bptt.presentation.chart_access import Charts

        with needing("pages", "report.charts"):  # Altair is heavy: only where a chart is made
            from bptt.report.remedies.figures import figures

        return Charts(lambda: figures(self), of="report.charts")

    def document(self) -> dict[str, Any]:
        """What the JSON holds."""
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "ranked": [_row(tried) for tried in self.tried],
            "does_not_apply": dict(self.refused),
            "race": self.race,
            "no_trial": self.no_trial,
        }

    def html(self) -> str:
        """The page, complete in itself."""
        with needing("pages", "report.html"):
            from bptt.report.remedies.page import page

        return page(self, self.title, self.facts)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """For a terminal that uses rich."""
        from bptt.report.remedies.terminal import render

        yield from render(self)


def _row(tried: Tried) -> dict[str, Any]:
    decisive, memory, prognosis = tried.diagnosis.decisive, tried.diagnosis.memory, tried.prognosis
    row: dict[str, Any] = {
        "name": tried.name,
        "does": tried.does,
        "source": tried.source,
        "changes": tried.sentences,
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
        "prognosis": None,
    }
    if prognosis is not None:
        row["prognosis"] = {
            "verdict": prognosis.verdict,
            "probability": prognosis.probability,
            "missing": prognosis.missing,
            "expected_step": prognosis.expected_step,
            "budget": prognosis.budget,
            "rounds": tried.rounds,
            "updates": len(prognosis.losses),
            "unit": prognosis.unit,
            "stopped": prognosis.stopped,
            "diverged": prognosis.diverged,
            "curves": prognosis.curves,
        }
    return row
