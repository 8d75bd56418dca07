"""The file: the page's own words and pictures, with what a server would compute computed before."""

import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from bptt.cells.activations import ACTIVATIONS
from bptt.derivation import Derivation
from bptt.files import as_ending, write_bytes
from bptt.lab import learning, pictures, scenes, texts
from bptt.lab.controls import RANGES
from bptt.lab.edition.images import image
from bptt.lab.edition.mathml import mathml
from bptt.lab.edition.prose import prose as written
from bptt.lab.edition.wording import without_server
from bptt.lab.exercises import CULPRIT, EXERCISES, FACTOR, POWER, OneUnit
from bptt.lab.exercises.of_one_unit import SECOND, SLOPES, expression, inputs
from bptt.lab.measured import measured
from bptt.report.sentences import headline

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
INTRO = """
This is the lesson of `bptt lab` as one file: it needs no server and no network. What is said of one unit moves as you move the
sliders; the pictures of a whole network are those of the networks in the list, measured when this file was written. The page
itself, with every slider, opens with `pip install 'bptt[lab]'` and `bptt lab`.
"""


def save(path: str | Path) -> Path:
    """Write the static edition of the live page.

    Args:
        path: of the file, ending in .html.

    Raises:
        OptionError: if the name does not end so.
        FileError: if the file cannot be written.
    """
    as_ending(path, (".html",), "export")
    return write_bytes(path, document().encode())


def document() -> str:
    """All of it, as HTML."""
    own = files("bptt.lab.edition")
    stored = json.dumps(_stored(), allow_nan=False).replace("</", "<\\/")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>How far back does the gradient reach?</title>"
        f"<style>{own.joinpath('page.css').read_text('utf-8')}</style></head><body>\n"
        f"{''.join(_sections())}\n"
        f'<script type="application/json" id="stored">{stored}</script>'
        f"<script>{own.joinpath('live.js').read_text('utf-8')}</script></body></html>\n"
    )


def prose(text: str) -> str:
    """What the page says, as it is right in the file."""
    return f"<div>{written(without_server(text))}</div>"


def _sections() -> Iterator[str]:
    yield prose(f"# How far back does the gradient reach?\n{INTRO}")
    yield prose("## The network" + texts.NETWORK.partition("## The network")[2])
    yield prose(texts.EQUATIONS)
    yield prose("*One unit, three steps back:*")
    yield prose(texts.aligned(Derivation(3, "scalar")))
    yield prose("*Many units, three steps back:*")
    yield prose(texts.aligned(Derivation(3, "matrix")))
    yield prose(texts.SCALAR)
    yield _unit()
    asked: dict[Any, str] = {}
    for name, setting in (scenes.CULPRITS | scenes.CURES).items():
        asked.setdefault(setting, name)
    networks = {name: measured(setting) for setting, name in asked.items()}
    before: dict[str, str] = {}  # "helped" is a picture that was drawn before
    for text, _, key in texts.PICTURES:
        yield prose(text)
        if key == "by_lag":
            options = "".join(f"<option>{escape(name)}</option>" for name in networks)
            yield f'<div class="scene"><label>The network: <select id="scene">{options}</select></label></div>'
        picture = {each.key: each for each in pictures.OF_NETWORK}[key]
        for name, network in networks.items():
            card = f'<p class="card"><strong>{network.layer.verdict.capitalize()}.</strong> {escape(headline(network.layer))} Cause: {escape(network.layer.cause.name)}.</p>'
            drawn = before[name] if key == "helped" else image(picture, network)
            if key == "by_lag":
                before[name] = drawn
            yield f'<div data-scene="{escape(name)}">{card if key == "by_lag" else ""}{drawn}</div>'
    yield prose(texts.CLIFF)
    yield image(pictures.cliff, pictures.descents())
    yield prose(texts.LEARNING)
    *_, learnt = learning.rounds(learning.USUAL, learning.OPEN)
    yield f"<p>{escape(learnt.sentence)} The change is: {learning.OPEN}.</p>"
    yield image(pictures.loss, learnt) + image(pictures.reach, learnt)
    yield prose(texts.SO)


def _unit() -> str:
    """The sliders of one unit, its terms, and the exercises on them."""
    first = OneUnit()
    sliders = "".join(
        f'<label>{prose_inline(label)} <input type="range" id="{name}" min="{low}" max="{high}" step="{step}" '
        f'value="{getattr(first, name)}"><output></output></label>'
        for name, label in (("weight", "weight $W_R$"), ("input_weight", "input weight $W_F$"), ("steps", "steps $n$"))
        for low, high, step in (RANGES[name],)
    )  # fmt: skip
    choices = "".join(f"<option>{name}</option>" for name in ACTIVATIONS)
    asked = "".join(_asked(number) for number in range(len(_exercises())))
    return (
        f'<div class="controls">{sliders}<label>activation <select id="phi">{choices}</select></label></div>'
        '<div class="wide"><table id="terms"></table></div>'
        f'<svg id="bars" viewBox="0 0 600 190" role="img"></svg>{asked}'
    )


def prose_inline(text: str) -> str:
    """A few words with formulas between $."""
    return re.sub(r"\$(.*?)\$", lambda found: mathml(found[1]), text)


def _exercises() -> list[dict[str, Any]]:
    """Those on one unit, as the script judges them."""
    third = expression(SECOND).terms[1].factors[2].value
    right: dict[str, tuple[Any, float]] = {"factor": (third, 0.005), "power": (7, 0), "culprit": (SLOPES, 0)}  # fmt: skip
    return [
        {
            "right": right[each.key][0], "within": right[each.key][1], "hint": each.hint, "solution": each.solution,
            "start": vars(each.start),
        }
        for each in (FACTOR, POWER, CULPRIT)
    ]  # fmt: skip


def _asked(number: int) -> str:
    each = EXERCISES[number]
    field = (
        f"<select name=answer><option></option>{''.join(f'<option>{escape(one)}</option>' for one in each.choices)}</select>"
        if each.choices
        else "<input name=answer autocomplete=off size=8>"
    )
    return (
        f'<form class="ask" data-number="{number}">{prose(f"**Exercise {number + 1}. {each.title}.** {each.question}")}'
        f"<label>your answer {field}</label> <button>Check</button> <button type=button>Set the sliders</button><output></output></form>"
    )


def _stored() -> dict[str, Any]:
    return {"inputs": inputs().tolist(), "exercises": _exercises()}
