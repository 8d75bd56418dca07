"""An Altair chart with every letter in one font, written into the chart itself: one with a config cannot be put beside others."""

from typing import Any, cast

import altair as alt
from altair.utils.schemapi import SchemaBase

from bptt.presentation.paper import know_fonts
from bptt.presentation.style import Style

FONT = f"{Style.font}, sans-serif"
GUIDES = (
    dict.fromkeys(("x", "y"), "axis")
    | dict.fromkeys(("row", "column", "facet"), "header")
    | dict.fromkeys(("color", "fill", "stroke", "strokeDash", "shape", "size", "opacity"), "legend")
)


def in_one_font(chart: Any, title: str) -> Any:
    """The chart with a title, in a font that has λ₁, φ′ and ‖.

    Args:
        chart: an Altair chart or a composition of some.
        title: its heading.
    """
    know_fonts()
    spec = chart.properties(title=alt.TitleParams(title, font=FONT)).to_dict(validate=False)
    for name in ("config", "$schema"):  # of a whole figure, which this may become a part of
        spec.pop(name, None)
    _walk(spec)
    # That of the base: alt.Chart's own guesses the class.
    return cast(Any, SchemaBase.from_dict).__func__(type(chart), spec, validate=False)


def _walk(node: Any) -> None:
    if isinstance(node, list):
        for each in node:
            _walk(each)
    if not isinstance(node, dict):
        return
    mark = node.get("mark")
    if isinstance(mark, dict) and mark.get("type") == "text":
        mark["font"] = FONT
    for channel, encoded in (node.get("encoding") or {}).items():
        if not isinstance(encoded, dict) or not {"field", "aggregate"} & set(encoded):
            continue
        guide = GUIDES.get(channel)
        if guide is not None and encoded.get(guide, {}) is not None:
            fonts = {"labelFont": FONT, "titleFont": FONT}
            encoded[guide] = (encoded.get(guide) or {}) | fonts
    for key, value in node.items():
        if key not in ("data", "datasets", "encoding", "config"):
            _walk(value)
