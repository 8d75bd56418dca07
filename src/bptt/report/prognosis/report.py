"""A prognosis in every form it is read in."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bptt.extras import needing
from bptt.presentation.savable import Savable
from bptt.prognoses import Prognosis

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from bptt.presentation.chart_access import Charts


@dataclass(frozen=True, eq=False)
class PrognosisReport(Prognosis, Savable):
    """Whether a network will learn what lies at the needed lag; see ``bptt.prognoses.Prognosis``.

    Attributes:
        title: what was measured, in a line.
        facts: (name, value) pairs about data and training.
    """

    title: str = "A recurrent network"
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def sentence(self) -> str:
        """What is foretold, in one sentence."""
        from bptt.report.prognosis.sentences import sentence

        return sentence(self)

    @cached_property
    def charts(self) -> "Charts":
        """The charts as Altair objects: ``charts.reach``, ``agreement``, ``form``, ``losses`` and ``rate``.

        One that has nothing to draw raises OptionError and says why.
        """
        from bptt.presentation.chart_access import Charts

        with needing("pages", "report.charts"):  # Altair is heavy: only where a chart is made
            from bptt.report.prognosis.figures import figures

        return Charts(lambda: figures(self), of="report.charts")

    def document(self) -> dict[str, Any]:
        """What the JSON holds."""
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "sentence": self.sentence,
            "verdict": self.verdict,
            "probability": self.probability,
            "chances": self.chances,
            "expected_step": self.expected_step,
            "missing": self.missing,
            "needed_lag": self.needed_lag,
            "budget": self.budget,
            "measured": self.measured,
            "losses": self.losses,
            "unit": self.unit,
            "evidence": self.evidence,
            "stopped": self.stopped,
            "diverged": self.diverged,
            "unlike": self.unlike,
            "caveat": self.caveat,
            "remarks": self.remarks,
        }

    def html(self) -> str:
        """The page, complete in itself."""
        with needing("pages", "report.html"):
            from bptt.report.prognosis.page import page

        return page(self, self.title, self.facts)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """For a terminal that uses rich."""
        from bptt.report.prognosis.terminal import render

        yield from render(self)
