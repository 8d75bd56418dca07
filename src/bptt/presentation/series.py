"""Curves with a band each, as data: drawn by Altair on a page and on paper, or on axes of matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bptt.arrays import Array
from bptt.extras import needing
from bptt.presentation.colours import BLUE, GREEN, GREY, ORANGE, PURPLE
from bptt.presentation.style import Style, as_style

# Told apart by colour, by dash and by mark: in grey print the last two are left.
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY, "#56B4E9", "#000000", "#E69F00")
DASHES = ((1, 0), (7, 3), (2, 2), (8, 2, 2, 2), (12, 2), (1, 3), (5, 1, 1, 1, 1, 1), (3, 6))
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST = len(COLOURS)


@dataclass(frozen=True, eq=False)
class Series:
    """A curve.

    Attributes:
        name: in the legend.
        x: (K,) places.
        y: (K,) values; log10 of them where the axis is of powers of ten.
        low: (K,) lower end of the band, or None.
        high: (K,) upper end.
    """

    name: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None


def on_axes(
    series: Sequence[Series],
    across: str,
    up: str,
    *,
    powers: bool,
    note: str = "",
    ax: Any = None,
    width: str | float = "one",
    style: Any = None,
) -> Any:
    """Draw curves and their bands with matplotlib.

    Args:
        series: the curves.
        across: title of the horizontal axis.
        up: title of the vertical axis.
        powers: whether the values are log10.
        note: what the band is, for the legend.
        ax: the axes to draw on; None makes a figure of its own.
        width: of that figure: "one" or "two" columns, or mm.
        style: a ``Style``, or the path of one.

    Returns:
        the axes.

    Raises:
        OptionError: if matplotlib is missing, or a size is out of range.
    """
    with needing("figures", "to_matplotlib"):
        from matplotlib.ticker import FuncFormatter, MaxNLocator
    style = as_style(style)
    ax = own_axes(style, width) if ax is None else ax
    for number, each in enumerate(series):
        colour, dash = COLOURS[number], DASHES[number]
        line = (0, dash) if dash[1] else "-"
        every = max(1, len(each.x) // 8)
        ax.plot(
            each.x, each.y, color=colour, linestyle=line, linewidth=style.line, label=each.name,
            marker=MARKS[number], markersize=0.5 * style.size, markevery=(number, every),
        )  # fmt: skip
        if each.low is not None:
            ax.fill_between(each.x, each.low, each.high, color=colour, alpha=0.2, linewidth=0)
    ax.set_xlabel(across, fontsize=style.size)
    ax.set_ylabel(up, fontsize=style.size)
    ax.tick_params(labelsize=style.size)
    if powers:
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"$10^{{{value:g}}}$"))
    ax.legend(fontsize=style.size, frameon=False, title=note or None, title_fontsize=style.size)
    return ax


def own_axes(style: Style, width: str | float) -> Any:
    """Axes of matplotlib in a figure of the style's size.

    Args:
        style: of the figure.
        width: "one" or "two" columns, or mm.
    """
    from matplotlib import pyplot, rc_context

    wide = style.width(width) / 25.4
    with rc_context({"font.family": style.font, "font.size": style.size, "mathtext.fontset": "dejavusans"}):  # fmt: skip
        _, ax = pyplot.subplots(figsize=(wide, wide * style.ratio), layout="constrained")
    return ax
