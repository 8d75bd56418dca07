"""The page's Markdown as HTML that needs no script: formulas are MathML."""

import re
from html import unescape

import marimo as mo

from bptt.lab import words
from bptt.lab.edition.mathml import mathml

WRAPPED = re.compile(r'<span class="markdown[^>]*>(.*)</span>', re.DOTALL)  # as marimo puts it


def prose(text: str) -> str:
    """A text of the page, its words explained and its formulas set."""
    html = WRAPPED.sub(r"\1", mo.md(words.explained(text)).text)
    return re.sub(r"<marimo-tex[^>]*>(.*?)</marimo-tex>", _formula, html, flags=re.DOTALL)


def _formula(found: re.Match[str]) -> str:
    tex = unescape(found[1]).strip()
    inside, display = tex[3:-3].strip(), tex.startswith("||[")
    said = mathml(inside, display=display)
    return f'<div class="wide">{said}</div>' if display else said
