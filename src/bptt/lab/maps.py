"""The file of a sweep on the page: its map, and what it says."""

from typing import Any

import marimo as mo

from bptt.errors import BpttError
from bptt.lab import texts, words
from bptt.lab.live import Still
from bptt.lab.upload import words as said_of
from bptt.sweeps.maps.grid import NUMBERS
from bptt.sweeps.opening import read_bytes

MAX_BYTES = 64 * 2**20
COLOURS = tuple(name for name in NUMBERS if name not in ("seconds", "lyapunov_stderr", "residual"))


def drawn(name: str, content: bytes, colour: str) -> tuple[Any, list[str]]:
    """The map as a chart on the page, and sentences.

    Args:
        name: of the file, as the user knows it.
        content: all of it; nothing in it is run.
        colour: one of ``COLOURS``.

    Raises:
        FileError: if it is not the file of a sweep.
        OptionError: if nothing was varied, or there are no such numbers in it.
    """
    swept = read_bytes(content, name)
    failed = [f"{swept.failed} points could not be measured."] if swept.failed else []
    points = f"{len(swept)} points over {', '.join(swept.varied)}."
    chart = Still(
        swept.phase_diagram(colour=colour), f"A map of {colour} over {', '.join(swept.varied)}."
    )
    return chart, [points, *failed, *swept.findings()]


def section(swept: Any, colour: Any) -> Any:
    """The last section: where the file of a sweep is dropped, and its map.

    Args:
        swept: the control that takes it.
        colour: the control of the map's colour.
    """
    shown = []
    if swept.value:
        try:
            chart, sentences = drawn(swept.name(), swept.contents(), colour.value)
            shown = [colour, mo.as_html(chart), mo.Html(texts.paragraphs(*sentences))]
        except BpttError as error:
            shown = [mo.callout(mo.Html(texts.announced(said_of(error))), kind="warn")]
    return mo.vstack([mo.md(words.explained(texts.SWEEP)), swept, *shown])
