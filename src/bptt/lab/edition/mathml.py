r"""The page's formulas as MathML, which a browser sets by itself: a file that works offline can bring no fonts.

Only what the page's own texts and ``bptt.derivation`` write is known; anything else is an error, and no formula is
drawn wrongly. The package latex2mathml was tried in its place: Chromium shows the columns of its ``alignedat`` unaligned,
it takes the ``[.8em]`` behind a ``\\`` for text, and it does not refuse a command that it does not know.
"""

import re
from html import escape
from itertools import cycle

TOKEN = re.compile(
    r"\\text\{[^}]*\}|\\(?:begin|end)\{\w+\}(?:\{\d\})?|\\\\(?:\[[^\]]*\])?|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\S"
)
SIGNS = {
    r"\varphi": "φ", r"\Phi": "Φ", r"\partial": "∂", r"\delta": "δ", r"\gamma": "γ", r"\lambda": "λ", r"\sigma": "σ",
}  # fmt: skip
UPRIGHT = {r"\tanh": "tanh", r"\ln": "ln", r"\max": "max"}
OPERATORS = {
    r"\sum": "∑", r"\cdot": "·", r"\dots": "…", r"\cdots": "⋯", r"\lVert": "‖", r"\rVert": "‖", r"\approx": "≈", r"\top": "⊤",
    r"\le": "≤", r"\ge": "≥", "-": "−", "'": "′",
}  # fmt: skip
SPACES = {r"\,": 0.17, r"\;": 0.28, r"\quad": 1.0}
NOTHING = (r"\!", r"\small", r"\displaystyle")


def mathml(tex: str, *, display: bool = False) -> str:
    r"""A formula as an element of a page.

    Args:
        tex: as the page writes it.
        display: whether it stands in a line of its own.

    Raises:
        ValueError: if something in it is not known here.

    >>> mathml("h_t")
    '<math><mrow><msub><mi>h</mi><mi>t</mi></msub></mrow></math>'
    """
    parts = _Parts(TOKEN.findall(tex))
    inside = parts.row(())
    if parts.left():
        raise ValueError(f"{tex!r} has a {parts.next()!r} too much.")
    return f'<math display="block">{inside}</math>' if display else f"<math>{inside}</math>"


class _Parts:
    """The rest of a formula, read from its beginning."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens[::-1]

    def left(self) -> bool:
        return bool(self._tokens)

    def next(self) -> str:
        return self._tokens.pop()

    def row(self, ends: tuple[str, ...]) -> str:
        """All up to one of these tokens, which stays."""
        found = []
        while self._tokens and not self._tokens[-1].startswith(ends or ("}",)):
            found.append(self._scripted())
        return f"<mrow>{''.join(found)}</mrow>"

    def group(self) -> str:
        """What stands in braces, or the one token there is."""
        if self._tokens[-1] != "{":
            token = self.next()
            if token.isdigit() and len(token) > 1:  # without braces a single digit belongs to it
                self._tokens.append(token[1:])
                token = token[0]
            return self._atom(token)
        self.next()
        inside = self.row(("}",))
        self.next()
        return inside

    def _scripted(self) -> str:
        token = self.next()
        base, below, above, primes = self._atom(token), "", "", ""
        while self._tokens and self._tokens[-1] in ("_", "^", "'"):
            kind = self.next()
            if kind == "'":
                primes += "<mo>′</mo>"
            elif kind == "_":
                below = self.group()
            else:
                above = self.group()
        above = f"<mrow>{primes}{above}</mrow>" if primes else above
        under = token in (r"\sum", r"\underbrace")
        if below and above:
            return f"<msubsup>{base}{below}{above}</msubsup>"
        if below:
            tag = "munder" if under else "msub"
            return f"<{tag}>{base}{below}</{tag}>"
        return f"<msup>{base}{above}</msup>" if above else base

    def _atom(self, token: str) -> str:
        if token == "{":
            self._tokens.append(token)
            return self.group()
        if token in (r"\frac", r"\tfrac"):
            return f"<mfrac>{self.group()}{self.group()}</mfrac>"
        if token == r"\underbrace":
            return f"<munder>{self.group()}<mo>⏟</mo></munder>"
        if token == r"\mathbf":
            return f'<mrow style="font-weight:bold">{self.group()}</mrow>'
        if token in (r"\left", r"\right"):
            return f"<mo>{escape(self.next())}</mo>"
        if token.startswith(r"\begin"):
            return self._table()
        if token.startswith(r"\text"):
            return f"<mtext>{escape(token[6:-1])}</mtext>"
        if token in NOTHING:
            return ""
        if token in SPACES:
            return f'<mspace width="{SPACES[token]}em"></mspace>'
        if token in SIGNS or (token.isalpha() and len(token) == 1):
            return f"<mi>{SIGNS.get(token, token)}</mi>"
        if token in UPRIGHT:
            return f"<mi>{UPRIGHT[token]}</mi>"
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token in "()[]|":  # as high as its letter; after \\left as high as what it holds
            return f'<mo stretchy="false">{token}</mo>'
        if token in OPERATORS or token in "+=/<>,.;:…":
            return f"<mo>{escape(OPERATORS.get(token, token))}</mo>"
        raise ValueError(f"{token!r} is not known here.")

    def _table(self) -> str:
        """Lines that are aligned at their &: to the right of it from the left, before it from the right."""
        rows, cells = [], []
        while True:
            cells.append(self.row(("&", r"\\", r"\end")))
            end = self.next()
            if end == "&":
                continue
            apart = re.search(r"\[(.*)\]", end)  # what a line is kept from the next by
            sides = cycle(("right", "left"))
            rows.append("".join(_cell(cell, next(sides), apart) for cell in cells))
            cells = []
            if end.startswith(r"\end"):
                return f'<mtable displaystyle="true">{"".join(f"<mtr>{row}</mtr>" for row in rows)}</mtable>'


def _cell(inside: str, side: str, apart: re.Match[str] | None) -> str:
    below = f";padding-bottom:{apart[1]}" if apart else ""
    # Chromium puts a row into a box of its own, which only the second moves
    return f'<mtd style="text-align:{side};text-align:-webkit-{side}{below}">{inside}</mtd>'
