"""A diagnosis in every form it is read in: its numbers by name, charts, a page, JSON, the terminal."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt.arrays import as_choice, as_whole
from bptt.diagnosis import Advice, Cause, Diagnosis, RecurrenceDiagnosis, Verdict
from bptt.extras import needing
from bptt.files import as_ending
from bptt.presentation.formatting import stated
from bptt.presentation.savable import Savable
from bptt.prognoses import Learner
from bptt.remedies import Settings, Subject
from bptt.report.methods import methods
from bptt.report.prognosis import PrognosisReport, Training
from bptt.report.tidy import TABLES, dataset, table, truncating
from bptt.tables import Table, write_netcdf
from bptt.version import __version__

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from bptt.presentation.chart_access import Charts
    from bptt.presentation.figure import Figure

ENDINGS = (".html", ".json", ".csv", ".parquet", ".nc")


@dataclass(frozen=True, eq=False)
class Shown(Savable):
    """A diagnosis, and what it was made of.

    Attributes:
        diagnosis: of the network as it is now.
        before: of the same network before training, on the same batch, or None.
        title: what was measured, in a line.
        facts: (name, value) pairs about data and training, for the head of the page.
        subject: (data, settings) to the model as remedies are tried on it, or None.
        learner: (data, training) to a copy of the model as a look ahead trains it, or None.
        ahead: the prognosis that ``prognosis`` made last, which the page shows then; None before.
    """

    diagnosis: Diagnosis
    before: Diagnosis | None = None
    title: str = "A recurrent network"
    facts: tuple[tuple[str, str], ...] = ()
    subject: Callable[[Any, Settings], Subject] | None = field(default=None, repr=False)
    learner: Callable[[Any, Training], Learner] | None = field(default=None, repr=False)
    ahead: PrognosisReport | None = field(default=None, repr=False)

    @property
    def layers(self) -> Mapping[str, RecurrenceDiagnosis]:
        """One entry per recurrent layer."""
        return self.diagnosis.layers

    @property
    def verdict(self) -> Verdict:
        """One of vanishing, exploding and steady: of the layer that decides."""
        return self.diagnosis.decisive.verdict

    @property
    def cause(self) -> Cause:
        """Why, with its number."""
        return self.diagnosis.decisive.cause

    @property
    def horizon(self) -> int | None:
        """Lags 0..horizon hold 95 % of Σ‖G_k‖; None where the gradient is exactly zero."""
        return self.diagnosis.decisive.horizon

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What to change, the likeliest first."""
        return self.diagnosis.decisive.advice

    @cached_property
    def charts(self) -> "Charts":
        """The charts as Altair objects, of the layer that decides: ``report.charts.by_lag.save("x.svg")``.

        Those of a layer by its name: ``report.charts["rnn.0"].gains``. ``list(report.charts)`` says which there
        are. One that has nothing to draw raises OptionError and says why.

        >>> import numpy as np, bptt
        >>> net = bptt.Network.init(inputs=3, hidden=16, outputs=2, loss_at="last", rng=0)
        >>> x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
        >>> report = bptt.diagnose(net, (x, np.zeros(8, int)))
        >>> list(report.charts)
        ['by_lag', 'memory', 'shares', 'gains', 'errors', 'truncation', 'lyapunov']
        >>> type(report.charts.gains).__name__
        'LayerChart'
        """
        from bptt.presentation.chart_access import Charts

        return Charts(
            lambda: self._figures(self.diagnosis.decisive.name),
            {name: partial(self._figures, name) for name in self.layers},
            "report.charts",
        )

    def _figures(self, layer: str) -> "list[Figure]":
        with needing("pages", "report.charts"):  # Altair is heavy: only where a chart is made
            from bptt.report.figures import figures

        stages = self.stages()
        return figures(
            [(stage, diagnosis.layers[layer]) for stage, diagnosis in stages],
            self.diagnosis.truncation,
            [(stage, diagnosis.memory) for stage, diagnosis in stages],
        )

    def stages(self) -> list[tuple[str, Diagnosis]]:
        """("before training", ...), ("after training", ...), or the one there is."""
        if self.before is None:
            return [("measured", self.diagnosis)]
        return [("before training", self.before), ("after training", self.diagnosis)]

    def document(self) -> dict[str, Any]:
        """What the JSON holds."""
        stages = self.stages()
        document: dict[str, Any] = {
            "version": __version__,
            "title": self.title,
            "facts": dict(self.facts),
            "decides": {stage: diagnosis.decisive.name for stage, diagnosis in stages},
            "stages": dict(stages),
            "truncating": {stage: truncating(diagnosis) for stage, diagnosis in stages},
        }
        if self.ahead is not None:
            document["prognosis"] = self.ahead.document()
        return document

    def table(self, what: str = "lags") -> Table:
        """What was measured as a tidy table, with the unit and the definition of each column.

        Args:
            what: "lags" (a row per stage, layer and lag: norm, share, signal, gains, carry, what truncating costs),
                "layers" (a row per layer: verdict, horizon, exponent and so on), "exponents", "memory", or "parameters"
                of a recurrence that is known by its step.

        Raises:
            OptionError: if there is no such table.
        """
        as_choice("what", what, TABLES)
        return table(self.stages(), what, self.title)

    def to_frame(self, what: str = "lags", kind: str | None = None) -> Any:
        """One of these tables as a data frame.

        Args:
            what: as ``table`` takes it.
            kind: "pandas", "polars" or "arrow"; None takes the first of them that is installed.

        Raises:
            OptionError: if there is no such table or kind, or its package is missing.

        >>> import numpy as np, bptt
        >>> net = bptt.Network.init(inputs=3, hidden=16, outputs=2, loss_at="last", rng=0)
        >>> x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
        >>> frame = bptt.diagnose(net, (x, np.zeros(8, int))).to_frame(kind="pandas")
        >>> float(frame.share.sum().round(6)), frame.attrs["columns"]["gain"]["unit"]
        (1.0, 'ln per step')
        """
        return self.table(what).to_frame(kind)

    def to_xarray(self) -> Any:
        """All tables in one ``xarray.Dataset``, over stage, layer, lag, exponent and parameter.

        Raises:
            OptionError: if xarray is missing.
        """
        return dataset(self.stages(), self.title)

    def save(self, path: str | Path) -> Path:
        """Write the page (.html), everything as .json or .nc (NetCDF), or the numbers by lag as .csv or .parquet.

        Raises:
            OptionError: if the path ends in anything else, or a package is missing.
            FileError: if it cannot be written.
        """
        ending = as_ending(path, ENDINGS)
        if ending == ".nc":
            return write_netcdf(self.to_xarray(), path)
        if ending in (".csv", ".parquet"):
            return self.table().save(path)
        return super().save(path)

    def methods(self, seeds: int | Iterable[int] = ()) -> str:
        """How it was measured, in sentences for a paper: definitions with their sources, data, versions and seeds.

        Args:
            seeds: of weights and data, one or several, which no report can know by itself.

        Raises:
            OptionError: if one is no whole number from 0.
        """
        several = seeds if isinstance(seeds, Iterable) else (seeds,)
        known = tuple(as_whole("seeds", seed, least=0) for seed in several)
        return methods(self.diagnosis, self.title, self.facts, known)

    def html(self) -> str:
        """The page, complete in itself: no request leaves it."""
        with needing("pages", "report.html"):  # Altair is heavy: only where a page is made
            from bptt.report.page import page

        with_code = self.subject is not None
        return page(self.stages(), self.title, self.facts, with_code, self.ahead)

    def print(self, *, all: bool = False) -> None:
        """Print it on the terminal, in its colours.

        Args:
            all: whether to show every layer in full; else the one that decides is, and the others have a row each, as
                for ``print(report)``.
        """
        with needing("cli", "report.print"):
            from rich.console import Console

            from bptt.report.terminal import show

        show(Console(), self._parts(in_full=all))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """For a terminal that uses rich."""
        yield from self._parts(in_full=False)

    def _parts(self, *, in_full: bool) -> "Iterator[RenderableType]":
        from rich.text import Text

        from bptt.report.terminal import render

        if self.ahead is not None:
            yield self.ahead
        with_code = self.subject is not None
        yield from render(
            self.stages(),
            lambda advice: advice.code if with_code else "",
            in_full=None if in_full else "report.print(all=True)",
        )
        if self.facts:
            yield Text(f"\n{stated(self.facts)}")
