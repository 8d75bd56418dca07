"""The charts of a report by name, as Altair objects, each with its heading as title."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from bptt.arrays import as_choice
from bptt.errors import OptionError
from bptt.presentation.figure import Figure
from bptt.presentation.paper import save_chart


class Charts:
    """Charts by name: ``charts.by_lag.save("by_lag.svg")``.

    ``dir``, ``list`` and ``in`` know the names of those that have something to draw.

    Args:
        figures: makes the figures.
        layers: makes the charts of each layer, by its name.
        of: what the charts are of, for messages.

    Raises:
        AttributeError: where no chart has the name.
        OptionError: where the chart has nothing to draw, with the reason; where there is no such layer.
    """

    def __init__(
        self,
        figures: Callable[[], list[Figure]],
        layers: Mapping[str, Callable[[], list[Figure]]] | None = None,
        of: str = "charts",
    ) -> None:
        self._make = figures
        self._layers = dict(layers or {})
        self._of = of

    @cached_property
    def _figures(self) -> dict[str, Figure]:
        return {figure.key: figure for figure in self._make()}

    def __getattr__(self, name: str) -> Any:
        """The chart of that name, an ``altair.Chart`` or a composition of some."""
        if name.startswith("_"):  # what copy, pickle and notebooks ask every object for
            raise AttributeError(name)
        figure = self._figures.get(name)
        if figure is None:
            raise AttributeError(f"{self._of} has no {name!r}. It has {', '.join(self)}.")
        if figure.chart is None:
            raise OptionError(
                f"{self._of}.{name}", "something to draw", "nothing",
                f"The reason: {figure.missing} These can be drawn: {', '.join(self) or 'none'}.",
            )  # fmt: skip
        from bptt.presentation.one_font import in_one_font

        return in_one_font(figure.chart, figure.heading)

    def save(
        self,
        name: str,
        path: str | Path,
        *,
        width: str | float = "one",
        height: float | None = None,
        style: Any = None,
    ) -> Path:
        """Write a chart for print, without its heading: ``charts.save("by_lag", "by_lag.pdf", width="one")``.

        Args:
            name: of the chart.
            path: its ending says what: .pdf, .svg or .png.
            width: "one" or "two" columns, or mm.
            height: mm; None follows the style's ratio.
            style: a ``Style``, the path of a TOML file with one, or None.

        Raises:
            OptionError: if there is no such chart, or nothing to draw in it; if a size is out of range.
            FileError: if it cannot be written.
        """
        as_choice("name", name, self._figures)
        return save_chart(getattr(self, name), path, width, height, style)

    def __getitem__(self, layer: str) -> "Charts":
        """The charts of a layer."""
        if layer not in self._layers:
            raise OptionError(
                "layer", f"one of {', '.join(self._layers) or 'none, there are no layers'}",
                repr(layer), "Name one of these, or take the charts by their names.",
            )  # fmt: skip
        return Charts(self._layers[layer], of=f"{self._of}[{layer!r}]")

    def __iter__(self) -> Iterator[str]:
        """The names of those that have something to draw."""
        return (key for key, figure in self._figures.items() if figure.chart is not None)

    def __contains__(self, name: object) -> bool:
        """Whether there is such a chart, and something to draw."""
        return name in list(self)

    def __dir__(self) -> list[str]:
        """For the Tab key."""
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        """The names."""
        return f"Charts({', '.join(self)})"
