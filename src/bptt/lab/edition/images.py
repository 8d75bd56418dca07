"""A picture as an image that holds itself: one for a window, one for a telephone, each in the colours of the system's setting."""

import base64
import json
import re
from html import escape
from typing import Any

import altair as alt
import vl_convert

from bptt.lab.pictures import Picture
from bptt.presentation.colours import ON_DARK

NARROW = 340  # pixels, of a telephone's column
AROUND = 60  # axis and labels beside a chart
CRISP = (
    ".mark-rect path{shape-rendering:crispEdges}"  # or the ground shines through between neighbours
)
# light and dark
TEXT, MARK, SOFT, LINE = ("#000", "#e9e9ee"), ("black", "#e9e9ee"), ("#888", "#a6a6b3"), ("#ddd", "#3a3b44")  # fmt: skip
CHARTS = {
    "background": "transparent", "font": "system-ui, sans-serif", "axis": {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal", "labelSeparation": 8},
    "legend": {"labelFontSize": 12, "labelLimit": 400, "columnPadding": 24}, "padding": {"left": 24, "right": 14, "top": 6, "bottom": 6}, "view": {"stroke": LINE[0]}, "axisY": {"minExtent": 44},
}  # fmt: skip


def image(picture: Picture, shown: Any) -> str:
    """A picture with what it shows in words.

    Args:
        picture: what it is.
        shown: what it shows.
    """
    spec = {**picture.spec(shown), "datasets": picture.rows(shown)}
    said = escape(picture.sentence(shown), quote=True)
    return (
        f'<picture><source media="(max-width: 700px)" srcset="{_drawn(narrowed(spec))}">'
        f'<img alt="{said}" src="{_drawn(spec)}"></picture>'
    )


def narrowed(spec: dict[str, Any]) -> dict[str, Any]:
    """The chart for a telephone: what stands side by side goes one below the other, and so do the words of a legend."""
    spec = json.loads(re.sub(r'"columns": \d+', '"columns": 1', json.dumps(spec)))
    config = {"legend": {"columns": 1, "gradientLength": 220}}
    parts = spec.pop("hconcat", None) or spec.pop("vconcat", None)
    if parts is not None:
        for part in parts:
            part["width"] = NARROW - AROUND
        return {**spec, "vconcat": parts, "config": config}
    for layer in spec["layer"]:
        if layer.get("data", {}).get("name") == "products":  # or the numbers overlap
            layer["transform"] = [{"filter": "!datum.spare"}]
    fit = {"type": "fit-x", "contains": "padding"}
    return {**spec, "width": NARROW, "autosize": fit, "config": config}


def _drawn(spec: dict[str, Any]) -> str:
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg = vl_convert.vegalite_to_svg(spec, vl_version=version, config=CHARTS)
    # an image is read as a whole: what it says of its parts would be half of the file
    svg = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", svg)
    svg = re.sub(r"(<svg[^>]*>)", rf"\1<style>{CRISP}{_dark()}</style>", svg, count=1)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _dark() -> str:
    """The style of an image where the system is dark."""
    pairs = [TEXT, MARK, SOFT, LINE, *((light.lower(), dark) for light, dark in ON_DARK.items())]
    rules = "".join(
        f'[{part}="{light}" i]{{{part}:{dark}}}'
        for light, dark in pairs
        for part in ("fill", "stroke")
        if light != dark
    )
    return f"@media (prefers-color-scheme: dark) {{{rules}}}"
