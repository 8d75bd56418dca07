"""Groups of runs side by side: what ``bptt.compare`` gives, as a figure, a table, a page and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bptt.comparison.heads import HEADS
from bptt.comparison.run import Run
from bptt.comparison.spread import BANDS, Spread, spread
from bptt.errors import OptionError
from bptt.extras import needing
from bptt.files import as_ending
from bptt.gradients.by_lag.lag_table import FIELDS, LAG
from bptt.presentation.formatting import counted, power_of_ten, signed
from bptt.presentation.paper import ENDINGS as FIGURES
from bptt.presentation.paper import save_chart
from bptt.presentation.savable import Savable
from bptt.presentation.series import Series, on_axes
from bptt.tables import ROWS, Field, Table, Tabular, arranged
from bptt.version import __version__

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

TITLES = {
    "log10_norm": "size of the gradient's part, ‖G_k‖",
    "log10_signal": "error signal",
    "share": "signed share of the gradient",
    "cumulative": "part of Σ‖G_k‖ up to lag k",
    "gain": "gain (ln per step)",
    "bias_window": "relative bias of a window of k + 1 steps",
    "bias_chunks": "relative bias of chunks of k + 1 steps",
}


@dataclass(frozen=True, eq=False)
class Comparison(Savable, Tabular):
    """Groups of runs.

    Attributes:
        groups: the runs of each group, by its name.
        what: the curve that is drawn, a column of a profile's table.
        band: "quartiles", "range" or "stderr".
    """

    groups: Mapping[str, Sequence[Run]]
    what: str
    band: str

    @property
    def powers(self) -> bool:
        """Whether the curve is log10 of what it is of."""
        return self.what.startswith("log10")

    @property
    def title(self) -> str:
        """Of the vertical axis."""
        field = next(each for each in FIELDS if each.name == self.what)
        return TITLES.get(self.what, f"{self.what.replace('_', ' ')} ({field.unit})")

    @property
    def said(self) -> str:
        """What curve and band are."""
        middle, ends = BANDS[self.band]
        counts = sorted({len(runs) for runs in self.groups.values()})
        if counts == [1]:
            return "One run each: no band."
        of = counted(counts[0], "run") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs"
        logs = " of the logarithms" if self.powers and self.band == "stderr" else ""
        return f"Curve: {middle}{logs} of {of}. Band: {ends}."

    @property
    def note(self) -> str:
        """The same in a few words, above the legend; nothing where no group has a band."""
        several = any(len(runs) > 1 for runs in self.groups.values())
        return "; ".join(BANDS[self.band]) if several else ""

    def spreads(self) -> dict[str, tuple[Any, Spread]]:
        """Of each group the lags that all of its runs have, and middle and band at each."""
        found = {}
        for name, runs in self.groups.items():
            lags = runs[0].lags
            for run in runs[1:]:
                lags = np.intersect1d(lags, run.lags)
            curves = [run.curve(self.what)[np.isin(run.lags, lags)] for run in runs]
            found[name] = (lags, spread(np.array(curves), self.band))
        return found

    def series(self) -> list[Series]:
        """What is drawn; a group of one run has no band."""
        return [
            Series(name, lags, of.middle, *((of.low, of.high) if of.count > 1 else ()))
            for name, (lags, of) in self.spreads().items()
        ]

    @property
    def chart(self) -> Any:
        """The figure as an Altair chart.

        Raises:
            OptionError: if Altair is missing.
        """
        with needing("pages", "comparison.chart"):
            from bptt.comparison.chart import chart
        return chart(self.series(), self.title, self.note, powers=self.powers)

    def to_matplotlib(
        self, ax: Any = None, *, width: str | float = "one", style: Any = None
    ) -> Any:
        """The figure on axes of matplotlib.

        Args:
            ax: the axes to draw on; None makes a figure of its own.
            width: of that figure: "one" or "two" columns, or mm.
            style: a ``Style``, the path of a TOML file with one, or None.

        Raises:
            OptionError: if matplotlib is missing, or a size is out of range.
        """
        return on_axes(
            self.series(), LAG.meaning.partition(" (")[0], self.title, powers=self.powers,
            note=self.note, ax=ax, width=width, style=style,
        )  # fmt: skip

    def table(self) -> Table:
        """A row per group and lag: middle, ends of the band, and how many runs."""
        field = next(each for each in FIELDS if each.name == self.what)
        middle, ends = BANDS[self.band]
        fields = (
            Field("group", str, "", "name of the group"),
            LAG,
            Field("middle", float, field.unit, f"{middle} over the runs of: {field.meaning}"),
            Field("low", float, field.unit, f"lower end of the band: {ends}"),
            Field("high", float, field.unit, "upper end of the band"),
            Field("runs", int, "", "how many runs"),
        )
        rows = [
            (name, int(lag), m, low, high, of.count)
            for name, (lags, of) in self.spreads().items()
            for lag, m, low, high in zip(lags, of.middle, of.low, of.high, strict=True)
        ]
        columns = list(zip(*rows, strict=True)) or [()] * len(fields)
        values = {f.name: arranged(f.kind, column) for f, column in zip(fields, columns, strict=True)}  # fmt: skip
        about = {"title": f"{self.what} of {', '.join(self.groups)}", "made_by": f"bptt {__version__}"}  # fmt: skip
        return Table(fields, values, ("group", "lag"), about)

    def numbers(self) -> list[tuple[str, ...]]:
        """A row per group, under ``HEADS``: median, and quartiles where there are several runs."""
        return [self._row(name, runs) for name, runs in self.groups.items()]

    def _row(self, name: str, runs: Sequence[Run]) -> tuple[str, ...]:
        verdicts: dict[str, int] = {}
        for run in runs:
            verdicts[run.verdict] = verdicts.get(run.verdict, 0) + 1
        written = {
            "horizon": "{:.0f}".format, "log10_attenuation": power_of_ten, "rate": signed,
        }  # fmt: skip
        cells = []
        for number, form in written.items():
            values = np.array([run.numbers[number] for run in runs])
            of = spread(values[:, None], "quartiles")
            middle, low, high = (
                form(float(part[0])) if part[0] == part[0] else "-"
                for part in (of.middle, of.low, of.high)
            )
            cells.append(middle if low == middle == high else f"{middle} ({low} to {high})")
        said = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.items())
        return (name, str(len(runs)), *cells, said)

    def document(self) -> dict[str, Any]:
        """What the JSON holds."""
        return {
            "version": __version__, "what": self.what, "band": self.band, "said": self.said,
            "groups": {name: [run.source for run in runs] for name, runs in self.groups.items()},
            "numbers": [dict(zip(HEADS, row, strict=True)) for row in self.numbers()],
            "curves": self.table().rows(),
        }  # fmt: skip

    def html(self) -> str:
        """The page, complete in itself: the figure, what the band is, the table."""
        with needing("pages", "comparison.html"):
            from bptt.comparison.page import page
        return page(self)

    def save(
        self,
        path: str | Path,
        *,
        width: str | float | None = None,
        height: float | None = None,
        style: Any = None,
    ) -> Path:
        """Write the figure (.pdf, .svg, .png), the page (.html), or the numbers (.json, .csv, .parquet, .nc).

        Args:
            path: its ending says what.
            width: of the figure: "one" or "two" columns, or mm; None is one column.
            height: of the figure, in mm; None follows the style's ratio.
            style: a ``Style``, the path of a TOML file with one, or None.

        Raises:
            OptionError: if it ends otherwise, a size is out of range, or a package is missing.
            FileError: if it cannot be written.
        """
        ending = as_ending(path, (*FIGURES, ".html", ".json", *ROWS))
        if ending in FIGURES:
            return save_chart(self.chart, path, width, height, style)
        if (width, height, style) != (None, None, None):
            raise OptionError(
                "width, height, style", "none for " + ending, str(path),
                "They are of a figure: .pdf, .svg or .png.",
            )  # fmt: skip
        if ending in ROWS:
            return self.table().save(path)
        return super().save(path)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """For a terminal that uses rich."""
        from rich.text import Text

        from bptt.comparison.terminal import lines

        for line in lines(HEADS, self.numbers(), options.max_width):
            yield Text(line)
        yield self.said

    def __repr__(self) -> str:
        """The groups, and how many runs each has."""
        groups = ", ".join(f"{name}: {len(runs)}" for name, runs in self.groups.items())
        return f"Comparison({groups}; {self.what}, {self.band})"
