"""A picture as an image that holds itself: one for a window, one for a telephone, each in the colours of the system's setting."""

import base64
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

import altair as alt
import vl_convert

from bptt.lab.pictures import Picture
from bptt.presentation.colours import ON_DARK, PALE

USUAL, TELEPHONE = 0, 340  # pixels of the column; 0: as wide as the chart is drawn, and stretched
NARROW, SQUARE, AROUND = 560, 360, 81  # as in live.js; AROUND: axis and labels beside a chart
EDITION = {"(max-width: 700px)": TELEPHONE, "": USUAL}
PARTS = ("fill", "stroke", "stop-color")
CRISP = (
    ".mark-rect path{shape-rendering:crispEdges}"  # or the ground shines through between neighbours
)
# light and dark
TEXT, MARK, SOFT, LINE = ("#000", "#e9e9ee"), ("black", "#e9e9ee"), ("#888", "#a6a6b3"), ("#ddd", "#3a3b44")  # fmt: skip
CHARTS = {
    "background": "transparent", "font": "system-ui, sans-serif", "axis": {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal", "labelSeparation": 8},
    "legend": {"labelFontSize": 12, "labelLimit": 400, "columnPadding": 24}, "padding": {"left": 24, "right": 14, "top": 6, "bottom": 6}, "view": {"stroke": LINE[0]}, "axisY": {"minExtent": 44},
}  # fmt: skip


def image(picture: Picture, shown: Any, rooms: Mapping[str, int] = EDITION) -> str:
    """A picture with what it shows in words.

    Args:
        picture: what it is.
        shown: what it shows.
        rooms: by the media for which it is drawn, in the order in which a browser asks, how wide; the last for all others.
    """
    spec = {**picture.spec(shown), "datasets": picture.rows(shown)}
    said = escape(picture.sentence(shown), quote=True)
    *others, last = (
        (media, _drawn(fitted(spec, room) if room else spec)) for media, room in rooms.items()
    )
    sources = "".join(f'<source media="{media}" srcset="{drawn}">' for media, drawn in others)
    return f'<picture>{sources}<img alt="{said}" src="{last[1]}"></picture>'


def fitted(spec: dict[str, Any], room: int) -> dict[str, Any]:
    """The chart for a column, as the page's script draws it there: on a telephone what stands side by side goes one below the other.

    Args:
        spec: of the chart.
        room: pixels.
    """
    narrow = room < NARROW
    if narrow:
        spec = json.loads(re.sub(r'"columns": \d+', '"columns": 1', json.dumps(spec)))
        spec["config"] = {"legend": {"columns": 1, "gradientLength": 220}}
    if "hconcat" in spec:
        first, *rest = spec["hconcat"]
        side = room - AROUND if narrow else min(SQUARE, room / 2 - AROUND)
        width = side if narrow else (room - side) / len(rest) - 2 * AROUND
        parts = [{**first, "width": side, "height": side}]
        parts += [{**part, "width": width, "height": side} for part in rest]
        all_ = {name: value for name, value in spec.items() if name != "hconcat"}
        return {**all_, "vconcat" if narrow else "hconcat": parts}
    if "vconcat" in spec:
        return {**spec, "vconcat": [{**part, "width": room - AROUND} for part in spec["vconcat"]]}
    layers = [
        {**layer, "transform": [{"filter": "!datum.spare"}]}  # or the numbers overlap
        if narrow and layer.get("data", {}).get("name") == "products"
        else layer
        for layer in spec["layer"]
    ]
    fit = {"type": "fit-x", "contains": "padding"}
    return {**spec, "layer": layers, "width": room, "autosize": fit}


def _drawn(spec: dict[str, Any]) -> str:
    svg = _svg(spec)
    # an image is read as a whole: what it says of its parts would be half of the file
    svg = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", svg)
    svg = re.sub(r"(<svg[^>]*>)", rf"\1<style>{CRISP}{_dark(svg, spec)}</style>", svg, count=1)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _svg(spec: dict[str, Any]) -> str:
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg: str = vl_convert.vegalite_to_svg(spec, vl_version=version, config=CHARTS)
    return svg


def _dark(svg: str, spec: dict[str, Any]) -> str:
    """The style of an image where the system is dark."""
    pairs = {light.lower(): dark for light, dark in (TEXT, MARK, SOFT, LINE, *ON_DARK.items())}
    said = json.dumps(spec)
    if (
        PALE in said
    ):  # a scale has colours between its own: they are looked up where the same is drawn dark
        for light, dark in ON_DARK.items():
            said = said.replace(light, dark)
        drawn_dark = _svg(json.loads(said))
        pairs = dict(zip(_colours(svg), _colours(drawn_dark), strict=True)) | pairs
    rules = "".join(
        f'[{part}="{light}" i]{{{part}:{dark}}}'
        for light, dark in pairs.items()
        for part in PARTS
        if light != dark and f'{part}="{light}"' in svg.lower()
    )
    return f"@media (prefers-color-scheme: dark) {{{rules}}}"


def _colours(svg: str) -> list[str]:
    """Of everything that is drawn in one, in its order: a run of colours has a name, which is another in every drawing."""
    return re.findall(rf'(?:{"|".join(PARTS)})="((?!url)[^"]*)"', svg)
