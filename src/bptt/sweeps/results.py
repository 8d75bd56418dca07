"""The rows of a sweep: as an object in Python, and as files for other programs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bptt.arrays import Array, as_choice
from bptt.diagnosis import VERDICT_CODES
from bptt.errors import OptionError
from bptt.files import as_ending, write_bytes
from bptt.presentation.paper import ENDINGS as FIGURES
from bptt.presentation.paper import save_chart
from bptt.sweeps import tidy
from bptt.sweeps.choosing import chosen
from bptt.sweeps.drawn import Drawn
from bptt.sweeps.point.columns import Rows
from bptt.sweeps.store.layers import Layers
from bptt.tables import ROWS, Table, write_csv, write_parquet

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from bptt.comparison import Comparison

Reading = Callable[[Array], Layers]


class Sweep(Drawn):
    """The rows of a sweep. A notebook shows them as a page, a terminal as a table.

    Args:
        rows: one dict per point, or columns.
        path: the file that keeps them, if any.
        layers: gives the layers of points by their numbers; None where there are none.
    """

    def __init__(
        self,
        rows: Rows | Iterable[Mapping[str, Any]],
        path: str | Path | None = None,
        layers: Reading | None = None,
    ) -> None:
        self.path = path
        self._rows, self._layers = Rows.of(rows), layers

    def rows(self) -> list[dict[str, Any]]:
        """One dict per point: configuration, version, status, error and measures; None for no number."""
        return self._rows.dicts()

    @property
    def failed(self) -> int:
        """How many points could not be measured."""
        return int(self._rows.where("status", "failed").sum())

    @property
    def verdicts(self) -> dict[str, int]:
        """How many points have each verdict."""
        counts = {name: int(self._rows.where("verdict", name).sum()) for name in VERDICT_CODES}
        return {name: count for name, count in counts.items() if count}

    def where(self, **fields: Any) -> "Sweep":
        """The points with some values: ``sweep.where(cell="gru", seed=[0, 1], gain=slice(1, 2))``.

        Args:
            fields: of a field or column a value, a list of values, or a slice from the smallest to the largest, both
                included.

        Returns:
            a sweep of these points.

        Raises:
            OptionError: if there is no such column, or no point has the value.
        """
        return Sweep(self._rows.some(chosen(self._rows, fields)), self.path, self._layers)

    def compare(
        self,
        by: str | Sequence[str] | None = None,
        what: str = "log10_norm",
        *,
        band: str = "quartiles",
        layer: str | None = None,
    ) -> "Comparison":
        """The curves by lag of the points, a group per value of a field, with a band over the seeds.

        Args:
            by: the field, or fields, that make the groups; None takes all that vary but the seed.
            what: the curve, a column of a profile's table: log10_norm, log10_signal, share, gain, bias_window ...
            band: "quartiles", "range" or "stderr", as for ``bptt.compare``.
            layer: name of a layer; None takes the one that decides each point's verdict.

        Raises:
            OptionError: if a field did not vary, others varied too, there would be more than eight groups, or no such
                curve, band or layer.
            FileError: if the file holds no curves by lag.
        """
        from bptt.sweeps.comparing import compared

        return compared(self._rows, by, what, band, layer, self._of_layers, self._source)

    @property
    def _source(self) -> str:
        return "the sweep" if self.path is None else str(self.path)

    def _of_layers(self, ids: Array) -> Layers:
        """The layers of some points.

        Raises:
            OptionError: if there are none.
            FileError: if the file cannot be read.
        """
        if self._layers is None or self._rows.ids is None:
            raise OptionError(
                "sweep", "one that bptt.sweep measured, or its file", "rows alone, without layers",
                "Open the file by bptt.sweeps.open.",
            )  # fmt: skip
        return self._layers(ids)

    def save(
        self,
        path: str | Path,
        *,
        width: str | float | None = None,
        height: float | None = None,
        style: Any = None,
        what: str = "points",
        **fields: Any,
    ) -> Path:
        """Write the page (.html), its first picture for print (.pdf, .svg, .png) or the rows (.csv, .parquet, .nc, .json).

        Args:
            path: its ending says what.
            width: of the picture: "one" or "two" columns, or mm. None is one column, two for several pictures.
            height: of the picture, in mm; None follows the style's ratio.
            style: a ``Style``, the path of a TOML file with one, or None.
            what: which rows of a .csv, .parquet or .nc: "points", "layers" or "lags", as ``table`` takes it.
            fields: x, y, colour and split, as ``phase_diagram`` takes them.

        Raises:
            OptionError: if it ends otherwise, or a package is missing; as ``phase_diagram``.
            FileError: if it cannot be written.
        """
        ending = as_ending(path, (".html", *FIGURES, *ROWS, ".json"))
        if ending in ROWS:
            return self.table(what).save(path)
        if ending == ".json":
            return write_bytes(path, self.to_json().encode())
        if ending == ".html":
            return write_bytes(path, self.html(**fields).encode())
        picture = self.phase_diagram(**fields)
        if width is None:
            width = "two" if hasattr(picture, "concat") else "one"
        return save_chart(picture, path, width, height, style)

    def document(self) -> list[dict[str, Any]]:
        """What the JSON holds: the rows."""
        return self.rows()

    def table(self, what: str = "points") -> Table:
        """A row per point, layer or lag, with the unit and the meaning of each column.

        Args:
            what: "points"; "layers" (a row per layer: verdict, horizon, exponent, isometry and so on) or "lags" (a row per
                layer and lag: norm, share, signal, gains, what truncating costs). The latter two begin with the fields that
                were varied.

        Raises:
            OptionError: if there is no such table.
            FileError: if the file holds no layers.
        """
        as_choice("what", what, tidy.TABLES)
        ids = np.zeros(0, int) if self._rows.ids is None else self._rows.ids
        return tidy.table(what, self._rows, self.varied, lambda: self._of_layers(ids), self._source)

    def beside_theory(self) -> Table:
        """Measurement beside mean-field theory: a row per setting, with the mean and the standard error over the seeds.

        λ₁, the decay of the error signal and the isometry of a step, as measured and as predicted for networks without end.
        What theory says nothing of is left out.

        Raises:
            OptionError: if it says nothing of all of them.
            FileError: if the file cannot be read.
        """
        from bptt.sweeps.beside import beside

        return beside(self._rows, self._layers)

    def to_frame(self, what: str = "points", kind: str | None = None) -> Any:
        """One of these tables as a data frame.

        Args:
            what: as ``table`` takes it.
            kind: "pandas", "polars" or "arrow"; None takes the first of them that is installed.

        Raises:
            OptionError: if there is no such table or kind, or its package is missing.
            FileError: if the file holds no layers.
        """
        return self.table(what).to_frame(kind)

    def to_csv(self, path: str | Path) -> Path:
        """Write the rows as comma-separated values, with a line of names; nothing stands for None.

        What the columns mean is written beside it, as ``<name>-metadata.json``.

        Raises:
            FileError: if it cannot be written.
        """
        return write_csv(self.table(), path)

    def to_parquet(self, path: str | Path) -> Path:
        """Write the rows as a Parquet file, typed, with units and meanings; needs pyarrow.

        Raises:
            OptionError: if pyarrow is missing.
            FileError: if it cannot be written.
        """
        return write_parquet(self.table(), path)

    def __len__(self) -> int:
        """How many points."""
        return len(self._rows)

    def __repr__(self) -> str:
        """How many points, over which fields, and with which verdicts."""
        parts = [f"{len(self)} points", "over " + ", ".join(self.varied) if self.varied else ""]
        parts += [f"{count} {verdict}" for verdict, count in self.verdicts.items()]
        parts += [f"{self.failed} failed" if self.failed else ""]
        return f"Sweep({'; '.join(part for part in parts if part)})"

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """For a terminal that uses rich."""
        from bptt.sweeps.maps.terminal import render

        yield from render(self._rows, self.varied)
