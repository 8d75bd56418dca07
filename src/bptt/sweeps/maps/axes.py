"""A map of a sweep on axes of matplotlib."""

from typing import Any

import numpy as np

from bptt.errors import OptionError
from bptt.extras import needing
from bptt.presentation.series import own_axes
from bptt.presentation.style import as_style
from bptt.sweeps.maps.crossings import zero_line
from bptt.sweeps.maps.encodings import SIGNED
from bptt.sweeps.maps.grid import Grid, words


def on_axes(layout: Grid, ax: Any, style: Any) -> Any:
    """Cells of the one panel, their scale, and the measured line λ₁ = 0.

    Args:
        layout: of one panel.
        ax: the axes, or None.
        style: as ``as_style`` takes it.

    Raises:
        OptionError: if a field is missing or is one of names, or matplotlib is missing.
    """
    with needing("figures", "to_matplotlib"):
        import matplotlib as mpl
    x, y = layout.x, layout.y
    if y is None or "named" in (x.kind, y.kind):
        raise OptionError(
            "x, y", "two fields of numbers that were varied", words(x.name), "Vary another one, or use phase_diagram."
        )  # fmt: skip
    style = as_style(style)
    ax = own_axes(style, "one") if ax is None else ax
    panel = layout.panels[0]
    cividis = style.map == "cividis"
    colours: dict[str, Any] = {"cmap": "cividis" if cividis else "RdBu_r"}
    if layout.measure in SIGNED:
        end = float(np.nanmax(np.abs(panel.mean[np.isfinite(panel.mean)]), initial=1e-12))
        colours["norm"] = mpl.colors.Normalize(-end, end)
    cells = ax.pcolormesh(x.edges(), y.edges(), panel.mean, rasterized=panel.mean.size > 2500, **colours)  # fmt: skip
    for k, axis in (("x", x), ("y", y)):
        getattr(ax, f"set_{k}label")(words(axis.name), fontsize=style.size)
        getattr(ax, f"set_{k}scale")(axis.kind)
    bar = ax.figure.colorbar(cells, ax=ax)
    bar.set_label(words(layout.measure).replace(" (", "\n("), fontsize=style.size)
    bar.ax.tick_params(labelsize=style.size)
    ax.tick_params(labelsize=style.size)
    if layout.measure == "lyapunov":
        along, found = zero_line(panel, layout)
        other = y.name if along == x.name else x.name
        at, rows = [each.at for each in found], [each.of[other] for each in found]
        bars = [2 * (each.stderr or 0.0) for each in found]
        places = (at, rows) if along == x.name else (rows, at)
        joined = "-o" if len(found) > 2 else "o"
        ax.errorbar(
            *places, **{"xerr" if along == x.name else "yerr": bars}, fmt=joined, color="black",
            markersize=0.35 * style.size, linewidth=style.line, label="λ₁ = 0, measured ± 2 standard errors",
        )  # fmt: skip
    return ax
