"""The page's words, each with one sentence that stands beside it on hover and on focus."""

import re
from html import escape

WORDS = {
    "gradient": "The derivative of the error E with respect to every weight: how E changes with a small change of the weight.",
    "activation": "The function φ that makes the state out of z: h = φ(z).",
    "slope": "The derivative φ′ of the activation, at the z of a unit and a step.",
    "lag": "k, how many steps lie between an error and the place where the weight acts on it.",
    "vanish": "To become smaller with every step back.",
    "explode": "To become larger with every step back.",
    "error signal": "The derivative of E by z, as it arrives k steps back; in a gated cell, by its state.",
    "horizon": "The smallest lag such that it and all smaller ones hold 95 % of the sizes of all G_k.",
    "needed lag": "The lag that the task asks for; half the sequence if the task does not say.",
    "saturated": "With a slope below a tenth of the steepest one.",
    "gain": "A number that multiplies the first W_R.",
    "input strength": "The mean square of what W_F x_t adds to z.",
    "loss": "Another word for the error E.",
    "carry": "The gate by which a gated cell keeps its old state, without W_R.",
}

SIGNED = re.compile(r"(?<!\$)(\$[^$\n]+\$[.,;:?]+)(?!\S)")


def explained(text: str) -> str:
    """Markdown in which every [[word]] is a word of the list, explained on hover and on focus.

    A formula and the sign behind it stay in one line.

    Raises:
        KeyError: if a word is none of the list.

    >>> explained("the [[lag]]")[:24]
    'the <span data-tooltip="'
    """
    text = re.sub(SIGNED, r'<span class="together">\1</span>', text)
    return re.sub(r"\[\[(\w[\w ]*?)(s|es|d)?\]\]", _said, text)


def _said(found: re.Match[str]) -> str:
    word, ending = found[1], found[2] or ""
    key = word if word in WORDS else word + ending
    return f'<span data-tooltip="{escape(WORDS[key])}" tabindex="0">{word}{ending}</span>'
