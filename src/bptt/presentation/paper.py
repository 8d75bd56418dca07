"""A chart for print: exactly so many millimetres wide, in one font, as .pdf, .svg or .png.

A point of a .pdf, and a pixel of an .svg, is a 72nd of an inch. A chart is drawn, measured, and drawn again with its pictures
wider or narrower, until the whole has the width that was asked for.
"""

import importlib.util
import re
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from bptt.extras import needing
from bptt.files import as_ending, write_bytes
from bptt.presentation.style import Style, as_style

ENDINGS = (".pdf", ".svg", ".png")
POINT = 25.4 / 72  # mm
ROUNDS, CLOSE = 6, 0.75  # of drawing and measuring; points that a figure may be off
LETTER = 0.56  # of its size: the width of a letter, in the mean
# Seven of cividis' colours (Nuñez, Anderton & Renslow 2018), which grow lighter all the way.
CIVIDIS = ["#00224e", "#2a3f6d", "#575d6d", "#7d7c78", "#a59c74", "#d2c060", "#fee838"]


def save_chart(
    chart: Any,
    path: str | Path,
    width: str | float | None = None,
    height: float | None = None,
    style: Any = None,
) -> Path:
    """Write a chart for print.

    Args:
        chart: an Altair chart.
        path: its ending says what: .pdf, .svg or .png.
        width: "one" or "two" columns, or mm; None is one column.
        height: mm; None follows the style's ratio.
        style: a ``Style``, the path of a TOML file with one, or None for the usual one.

    Raises:
        OptionError: if the path ends in anything else, a size is out of range, or vl-convert is missing.
        FileError: if it cannot be written, or the style cannot be read.
    """
    ending = as_ending(path, ENDINGS)
    style = as_style(style)
    wide = style.width("one" if width is None else width)
    high = wide * style.ratio if height is None else style.width(height)
    spec = fitted(chart.to_dict(validate=False), wide / POINT, high / POINT, style)
    with needing("pages", str(path)):
        import vl_convert
    version = _version(spec)
    if ending == ".pdf":
        return write_bytes(path, vl_convert.vegalite_to_pdf(spec, vl_version=version))
    if ending == ".svg":
        svg = vl_convert.vegalite_to_svg(spec, vl_version=version)
        # For who opens it and has the font not; drawn with both, it would be measured wrongly.
        known = f'font-family="{style.font}'
        svg = svg.replace(f'{known}"', f'{known}, sans-serif"')
        return write_bytes(path, _in_mm(svg))
    return write_bytes(path, vl_convert.vegalite_to_png(spec, vl_version=version, ppi=style.dpi))


def fitted(spec: dict[str, Any], width: float, height: float, style: Style) -> dict[str, Any]:
    """The specification with the style's sizes, and as wide and high as asked for, in points."""
    with needing("pages", "a figure"):
        import vl_convert
    know_fonts()
    spec = _plain(deepcopy(spec), style, width, height)
    across = spec.get("columns", 1) if "concat" in spec else 1
    across = min(across, len(spec.get("concat", [0])))
    down = -(-len(spec.get("concat", [0])) // across)
    inner, tall = 0.8 * width / across, 0.7 * height / down
    for _ in range(ROUNDS):
        _sized(spec, inner, tall)
        svg = vl_convert.vegalite_to_svg(spec, vl_version=_version(spec))
        found = re.search(r'<svg[^>]*width="([\d.]+)" height="([\d.]+)"', svg)
        assert found is not None
        over, above = width - float(found[1]), height - float(found[2])
        if abs(over) < CLOSE and abs(above) < CLOSE:
            break
        inner, tall = max(20.0, inner + over / across), max(20.0, tall + above / down)
    return spec


def _plain(spec: dict[str, Any], style: Style, width: float, height: float) -> dict[str, Any]:
    """Without the page's title, which a caption says, and with every size the style's."""
    spec.pop("title", None)
    text = {"labelFontSize": style.size, "titleFontSize": style.size, "titleFontWeight": "normal"}
    thin = {"domainWidth": 0.5 * style.line, "tickWidth": 0.5 * style.line, "tickSize": 3}
    spec["config"] = {
        "background": "white",
        "font": style.font,
        "padding": 1,
        "axis": text | thin | {"gridWidth": 0.35 * style.line, "titlePadding": 3, "labelPadding": 2},
        "legend": text
        | {"offset": 4, "rowPadding": 1, "columnPadding": 8, "symbolSize": 20 * style.size, "labelLimit": 0,
           "symbolStrokeWidth": style.line},
        "title": {"fontSize": style.size, "fontWeight": "normal", "anchor": "start", "offset": 3},
        "header": {"labelFontSize": style.size, "titleFontSize": style.size},
        "view": {"strokeWidth": 0.5 * style.line},
        "concat": {"spacing": 8},
    }  # fmt: skip
    part = spec.get("columns", 1) if "concat" in spec else 1
    _walk(spec, style, 0.75 * width / part, 0.7 * height, width)
    if "gradientLength" in repr(spec):  # beside a scale of colours there is no room
        _at_foot(spec)
    return spec


def _walk(node: Any, style: Style, across: float, up: float, whole: float) -> None:
    """Sizes that are written into the chart itself, brought to the style's."""
    if isinstance(node, list):
        for each in node:
            _walk(each, style, across, up, whole)
        return
    if not isinstance(node, dict):
        return
    mark = node.get("mark")
    if isinstance(mark, dict):
        if "strokeWidth" in mark and mark.get("type") in ("line", "rule"):
            mark["strokeWidth"] = style.line * mark["strokeWidth"] / 2
        if mark.get("type") == "text":
            mark["fontSize"] = style.size
        if mark.get("type") in ("point", "circle") and isinstance(mark.get("size"), int | float):
            mark["size"] = mark["size"] * (style.size / 12) ** 2
        if isinstance(mark.get("point"), dict):
            mark["point"]["size"] = 10 * style.line
        mark.pop("tooltip", None)
    for channel, encoded in (node.get("encoding") or {}).items():
        if not isinstance(encoded, dict):
            continue
        scale = encoded.get("scale")
        if channel == "strokeDash" and isinstance(
            scale, dict
        ):  # one without a gap would be drawn as dots
            scale["range"] = [[] if dash == [1, 0] else dash for dash in scale.get("range", [])]
        limit = up if channel.startswith("y") else across
        if isinstance(encoded.get("title"), str) and channel in ("x", "y"):
            encoded["title"] = _wrapped(encoded["title"], limit, style.size)
        if isinstance(encoded.get("title"), str) and channel == "color":
            encoded["title"] = _wrapped(encoded["title"], whole, style.size)
        legend = encoded.get("legend")
        if isinstance(legend, dict):
            for name in ("symbolSize", "symbolStrokeWidth", "labelFontSize"):
                legend.pop(name, None)
            if "gradientLength" in legend:
                legend["gradientLength"] = 0.55 * whole
                legend["gradientThickness"] = style.size
            legend["titleLimit"] = 0
            if (
                "columns" not in legend
                and legend.get("orient") == "top"
                and "gradientLength" not in legend
            ):
                legend["columns"] = _columns(encoded, whole, style.size)
        if channel == "color" and style.map == "cividis" and encoded.get("type") == "quantitative":
            if isinstance(scale, dict) and len(scale.get("range") or ()) == len(CIVIDIS):
                scale["range"] = CIVIDIS
    for key, value in node.items():
        if key not in ("data", "datasets", "config"):
            _walk(value, style, across, up, whole)


def _at_foot(node: Any) -> None:
    """Legends of lines and marks below the picture."""
    for name, each in node.items() if isinstance(node, dict) else enumerate(node):
        if name == "legend" and isinstance(each, dict) and "gradientLength" not in each:
            each["orient"] = "bottom"
        if isinstance(each, dict | list):
            _at_foot(each)


def _columns(encoded: dict[str, Any], whole: float, size: float) -> int:
    """How many entries of a legend fit beside one another."""
    names = (encoded.get("scale") or {}).get("domain") or ["x" * 20]
    longest = max(len(str(name)) for name in names)
    return int(max(1, min(len(names), whole // (LETTER * size * longest + 3.5 * size))))


def _wrapped(title: str, limit: float, size: float) -> str | list[str]:
    """A title in as many lines as it needs."""
    most = max(8, int(limit / (LETTER * size)))
    lines, line = [], ""
    for word in title.split():
        if line and len(line) + 1 + len(word) > most:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    lines.append(line)
    return lines if len(lines) > 1 else title


def _sized(spec: dict[str, Any], width: float, height: float) -> None:
    for part in spec.get("concat", [spec]):
        part["width"], part["height"] = width, height


def _version(spec: dict[str, Any]) -> str:
    """Of Vega-Lite, as vl-convert names it."""
    found = re.search(r"/v(\d+)(?:\.(\d+))?", spec.get("$schema", ""))
    assert found is not None
    return f"{found[1]}.{found[2] or 0}"


def _in_mm(svg: str) -> bytes:
    """An .svg that says its size in mm: a pixel would be a 96th of an inch elsewhere."""

    def in_mm(match: re.Match[str]) -> str:
        size = (f"{float(value) * POINT:.3f}mm" for value in match.groups()[1:])
        return '{}width="{}" height="{}"'.format(match[1], *size)

    return re.sub(r'(<svg[^>]*?)width="([\d.]+)" height="([\d.]+)"', in_mm, svg, count=1).encode()


@cache
def know_fonts() -> None:
    """DejaVu Sans, where the machine has none: matplotlib brings it along."""
    import vl_convert

    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
        if folder.is_dir():
            vl_convert.register_font_directory(str(folder))
