"""What a link opens the page with: a section, and where the sliders stand. ``?section=what-helps&cell=lstm&bias=5``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import traitlets

from bptt.cells.activations import ACTIVATIONS
from bptt.cells.initialise import SCHEMES
from bptt.configuration import Configuration
from bptt.lab import texts
from bptt.lab.controls import CELLS, HIDDEN, LOSS_AT, RANGES
from bptt.lab.exercises import OneUnit
from bptt.lab.scenes import AT
from bptt.lab.upload import DATA
from bptt.lab.widget import Widget

FIRST, ONE = AT, OneUnit()
CHOICES: dict[str, Sequence[Any]] = {
    "activation": tuple(ACTIVATIONS), "phi": tuple(ACTIVATIONS), "init": tuple(SCHEMES), "cell": CELLS, "hidden": HIDDEN,
    "loss_at": LOSS_AT, "data": DATA,
}  # fmt: skip


@dataclass(frozen=True)
class Opening:
    """How the page begins.

    Attributes:
        setting: of the whole network.
        one_unit: of the network of one unit.
        section: the beginning of the name of a heading; "" for the top.
        problems: a sentence on each part of the link that says nothing.
    """

    setting: Configuration = FIRST
    one_unit: OneUnit = ONE
    section: str = ""
    problems: tuple[str, ...] = ()


def headings() -> list[str]:
    """The names of the page's headings, as links say them."""
    written = " ".join(text for name, text in vars(texts).items() if name.isupper() and isinstance(text, str))  # fmt: skip
    written += " ".join(text for text, _, _ in texts.PICTURES)
    found = re.findall(r"^#+ (.*)$", written, re.MULTILINE)
    return [named(line) for line in found]


def named(heading: str) -> str:
    """A heading, as links say it.

    >>> named("Why $W_R$ is different")
    'why-w_r-is-different'
    """
    return re.sub(r"[^a-z0-9_]+", "-", heading.lower().replace("$", "")).strip("-")


def opening(asked: Mapping[str, Any]) -> Opening:
    """How a link asks the page to begin; what it says wrongly is named, and left as it is.

    Args:
        asked: the parts of its query, by name.

    >>> opening({"gain": "1.2"}).setting.gain, opening({"gain": "much"}).problems
    (1.2, ("gain: expected a number from 0 to 3, got 'much'. The page shows 0.8.",))
    """
    setting, one_unit, section, problems = FIRST, ONE, "", []
    of_network = {field.name for field in fields(Configuration)}
    for name, said in asked.items():
        if name == "section":
            section = str(said).lower()
            if not any(each.startswith(section) for each in headings()):
                problems.append(f"section: expected one of {', '.join(headings())}, got {said!r}. The page begins at its top.")  # fmt: skip
                section = ""
        elif name in RANGES or name in CHOICES:
            whose: Any = setting if name in of_network else one_unit
            value, expected = _read(name, str(said))
            if value is None:
                problems.append(f"{name}: expected {expected}, got {said!r}. The page shows {getattr(whose, name)}.")  # fmt: skip
            elif whose is setting:
                setting = replace(setting, **{name: value})
            else:
                one_unit = replace(one_unit, **{name: value})
    if setting.data != "noise":  # other data say themselves where the loss is
        setting = replace(setting, loss_at=None)
    return Opening(setting, one_unit, section, tuple(problems))


def _read(name: str, said: str) -> tuple[Any, str]:
    """The value, None where there is none, and what is expected."""
    if name in CHOICES:
        choices = {str(each): each for each in CHOICES[name]}
        return choices.get(said), f"one of {', '.join(choices)}"
    low, high, step = RANGES[name]
    expected = f"a {'whole ' if isinstance(step, int) else ''}number from {low:g} to {high:g}"
    try:
        value = float(said)
    except ValueError:
        return None, expected
    if not low <= value <= high or (isinstance(step, int) and value != int(value)):
        return None, expected
    return type(step)(value), expected


class Arrival(Widget):
    """Brings the section of a link to the top, and keeps it there while the charts above it are drawn.

    Attributes:
        section: the beginning of the name of a heading; "" for the top.
    """

    _esm = """
    export default { render({ model }) {
      const section = model.get("section");
      if (!section) return;
      let left = 40;
      const timer = setInterval(() => {
        [...document.querySelectorAll("h1[id], h2[id], h3[id]")].find(e => e.id.startsWith(section))?.scrollIntoView();
        left -= 1;
        if (left === 0) stop();
      }, 250);
      const stop = () => clearInterval(timer);
      for (const event of ["wheel", "keydown", "pointerdown", "touchstart"])
        addEventListener(event, stop, { once: true });
      return stop;
    } };
    """
    section = traitlets.Unicode().tag(sync=True)
