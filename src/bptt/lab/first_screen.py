"""What the server draws before the page's own scripts run: the words from where a link begins to the first chart, and that chart.

It is what the live page shows at the same settings, from the same texts and pictures, and stands there until that chart is
drawn by the page (``first_screen.js``). Where a control will be, its name and its value stand. What a link says wrongly is not
repeated here: such a page, and one whose network cannot be measured at once, opens with a line that says so.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from html import escape
from importlib.metadata import version
from importlib.resources import files
from threading import Lock
from typing import Any

from bptt.derivation import Derivation
from bptt.errors import BpttError
from bptt.lab import pictures, texts
from bptt.lab.assets import path_of
from bptt.lab.card import TONES, verdict_on
from bptt.lab.controls import LABELS, resting
from bptt.lab.edition.images import image
from bptt.lab.edition.prose import prose
from bptt.lab.exercises.of_one_unit import expression
from bptt.lab.kept import kept
from bptt.lab.learning import untrained
from bptt.lab.measured import measured
from bptt.lab.opening import FIRST, ONE, Opening, named, opening
from bptt.lab.pictures import Picture
from bptt.lab.scenes import CULPRITS, CURES
from bptt.lab.sections import FIELDS

# Of a telephone, a tablet and all that is wider: the column in pixels, where letters have their usual size.
ROOMS = {"(max-width: 560px)": 350, "(max-width: 1000px)": 620, "": 990}
SCENES = {"by_lag": CULPRITS, "helped": CURES}
WAITS = "<noscript><p>To move the sliders, let the browser run this page's scripts.</p></noscript>"
OPENS = (
    f'<div id="opening" data-until=""><div class="part"><p>The page opens …</p>{WAITS}</div></div>'
)

Below = Callable[[Opening], str]


def first_screen(asked: Mapping[str, Any]) -> str:
    """The HTML of it.

    Args:
        asked: the parts of the link's query, by name.
    """
    begins = opening(asked)
    html = OPENS
    if not begins.problems and begins.setting.data == FIRST.data:
        with _ONE_AT_A_TIME:  # a class opens the same link at once
            html = _drawn(begins)
    return f'{html}<script type="module" src="{script_at()}"></script>'


@cache
def script() -> str:
    """What takes it away."""
    return files("bptt.lab").joinpath("first_screen.js").read_text("utf-8")


@cache
def script_at() -> str:
    """Where the server answers with it."""
    return path_of("first-screen", script())


_ONE_AT_A_TIME = Lock()


@lru_cache(maxsize=32)
def _drawn(begins: Opening) -> str:
    try:
        shown = list(_parts(begins))
    except BpttError:
        return OPENS
    key = shown[-1][1]
    html = "".join(f'<div class="part">{part}</div>' for part, _ in shown)
    html = re.sub(r' id="([^"]*)"', r' data-at="\1"', html)  # the live page has these names
    at = ' class="at-section"' if begins.section else ""
    return f'<div id="opening"{at} data-until="{key}">{html}{WAITS}</div>'


def _parts(begins: Opening) -> Iterator[tuple[str, str]]:
    """From the section of a link to the first chart: what stands in each part of the page, and the key of its chart or ""."""
    begun = False
    for text, below, key in _page():
        said = text if begun else _from(text, begins.section)
        if said is None:
            continue
        begun = True
        yield f'<span class="markdown prose contents">{prose(said)}</span>{below(begins)}', key
        if key:
            return


def _from(text: str, section: str) -> str | None:
    """What of a text stands from the heading of a section on; None where it has no such heading."""
    for found in re.finditer(r"^#+ (.*)$", text, re.MULTILINE):
        if named(found[1]).startswith(section):
            return text[found.start() :] if section else text
    return None


def _page() -> Iterator[tuple[str, Below, str]]:
    """The page from top to bottom: a text, what stands below it, and the key of the chart there or ""."""
    yield texts.NETWORK, _switch, ""
    yield texts.EQUATIONS, _equations, ""
    yield texts.SCALAR, _one_unit, "terms"
    for text, names, key in texts.PICTURES:
        yield text, _network(names, key), key
    yield texts.CLIFF, lambda begins: _image(begins, pictures.cliff, pictures.descents()), "cliff"
    yield texts.LEARNING, lambda begins: _image(begins, pictures.loss, untrained()), "loss"
    for text in (texts.SO, texts.OWN, texts.MODEL, texts.AHEAD, texts.SWEEP):
        yield text, _nothing, ""


def _nothing(begins: Opening) -> str:
    return ""


def _switch(begins: Opening) -> str:
    return f'<div class="at-the-side">{LABELS["everything"]}</div>'


def _equations(begins: Opening) -> str:
    return _later("row", {"steps": 3}) + _formulas(texts.aligned(Derivation(3, "scalar")))


def _one_unit(begins: Opening) -> str:
    at = begins.one_unit
    values = {name: getattr(at, name) for name in ("weight", "input_weight", "phi", "steps")}
    total = expression(at)
    formula = _formulas(f"$$\n{total.latex()}\n$$")
    return _later("row", values) + formula + _image(begins, pictures.terms, total)


def _network(names: tuple[str, ...], key: str) -> Below:
    picture = {each.key: each for each in pictures.OF_NETWORK}[key]

    def below(begins: Opening) -> str:
        setting = begins.setting
        shown = measured(setting)
        parts = []
        if key == "by_lag":
            said = verdict_on(
                shown, f"the sliders' network on {setting.data}", resting(setting, False)
            )
            light, dark = TONES[shown.layer.verdict]
            style = f"border-color:{light};border-color:light-dark({light},{dark})"
            parts.append(f'<div class="verdict" style="{style}">{said}</div>')
        if key in SCENES:
            buttons = "".join(f"<span>{escape(name)}</span>" for name in SCENES[key])
            parts.append(f'<div class="buttons">{buttons}</div>')
        if names:
            values = {name: getattr(setting, FIELDS.get(name, name)) for name in names}
            parts.append(_later("equal", values))
        return "".join(parts) + _image(begins, picture, shown)

    return below


def _later(how: str, values: Mapping[str, Any]) -> str:
    """Where controls will be: what they are called, and what they stand at."""
    said = "".join(
        f"<span>{prose(f'{LABELS[name]} {_said(value)}')}</span>" for name, value in values.items()
    )
    return f'<div class="later {how}">{said}</div>'


def _said(value: Any) -> str:
    if value is None:  # noise's own place of the loss
        return "last"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _formulas(text: str) -> str:
    return f'<div class="formulas"><span class="markdown prose contents">{prose(text)}</span></div>'


def _image(begins: Opening, picture: Picture, shown: Any) -> str:
    """The chart; at the page's own settings it is kept, for to draw the first one takes a second."""

    def drawn() -> str:
        return image(picture, shown, ROOMS)

    if (begins.setting, begins.one_unit) != (FIRST, ONE):
        return drawn()
    of = [version("vl-convert-python"), ROOMS, picture.spec(shown), picture.rows(shown)]
    return kept(f"first-screen-{picture.key}", json.dumps(of), drawn)
