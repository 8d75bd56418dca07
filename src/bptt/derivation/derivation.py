"""The equations, unrolled over any number of steps and written for a terminal or a paper."""

import sys
from functools import cached_property
from typing import Any, Literal

from bptt.arrays import as_whole
from bptt.derivation.printing import LatexCode, TextPrinter
from bptt.derivation.rules import Equation, Matrix, Scalar, Term
from bptt.errors import OptionError

MAX_STEPS = 50
Form = Literal["scalar", "matrix"]


class Derivation:
    """The lecture's equations (1) to (4) and the expression unrolled over n steps.

    Args:
        steps: n, from 1 to 50: the power of W_R in the last term.
        form: "scalar", as the lecture writes it, or "matrix".

    Raises:
        OptionError: if the steps or the form are outside their choices.

    >>> print(Derivation(2).text())
    (1)  z_t = W_F x_t + W_R h_{t-1} + b
    (1)  h_t = φ(z_t)
    (2)  ∂z_t/∂W_R = h_{t-1} + W_R ∂h_{t-1}/∂W_R
    (3)  ∂h_{t-1}/∂W_R = φ′(z_{t-1}) ∂z_{t-1}/∂W_R
    (4)  ∂z_t/∂W_R = h_{t-1} + W_R φ′(z_{t-1}) (h_{t-2} + W_R ∂h_{t-2}/∂W_R)
    <BLANKLINE>
    Unrolled over 2 steps:
         ∂z_t/∂W_R = h_{t-1}
                   + W_R φ′(z_{t-1}) h_{t-2}
                   + W_R² φ′(z_{t-1}) ∂h_{t-2}/∂W_R
    """

    def __init__(self, steps: int = 3, form: Form = "scalar") -> None:
        if form not in ("scalar", "matrix"):
            raise OptionError("form", '"scalar" or "matrix"', repr(form), "Choose one.")
        self.steps = as_whole("steps", steps, least=1, most=MAX_STEPS, cure="3 shows the pattern.")
        self.rules: Scalar | Matrix = Scalar() if form == "scalar" else Matrix()

    @cached_property
    def equations(self) -> list[Equation]:
        """(1) to (4)."""
        return self.rules.equations()

    @cached_property
    def terms(self) -> list[Term]:
        """The unrolled expression, lag after lag, and last what is left."""
        return self.rules.unrolled(self.steps)

    def check(self) -> int:
        """Compare with SymPy's own derivative of the network written out; how many steps of it.

        Raises:
            ArithmeticError: if they differ.
        """
        depth = sys.getrecursionlimit()
        sys.setrecursionlimit(depth + 100 * self.steps)  # SymPy descends the nesting by recursion
        try:
            return self.rules.check(self.steps)
        finally:
            sys.setrecursionlimit(depth)

    def text(self) -> str:
        """For a terminal."""
        left = TextPrinter().doprint(self.equations[-1].left)
        lines = [
            f"({e.number})  {TextPrinter().doprint(e.left)} = {TextPrinter().doprint(e.right)}"
            for e in self.equations
        ]
        terms = [" ".join(_factors(term, TextPrinter())) for term in self.terms]
        indent = "\n" + " " * (5 + len(left)) + " + "
        many = f"{self.steps} step" + "s" * (self.steps > 1)
        return "\n".join(
            [*lines, "", f"Unrolled over {many}:", f"     {left} = {indent.join(terms)}"]
        )

    def latex(self) -> str:
        """For a paper: two ``align*`` environments (amsmath)."""
        printer = LatexCode()
        lines = [
            rf"  {printer.doprint(e.left)} &= {printer.doprint(e.right)} \tag{{{e.number}}}"
            for e in self.equations
        ]
        left = printer.doprint(self.equations[-1].left)
        terms = [r" \, ".join(_factors(term, printer)) for term in self.terms]
        unrolled = " \\\\\n  &\\quad + ".join(terms)
        return "\n".join(
            [
                r"\begin{align*}",
                " \\\\\n".join(lines),
                r"\end{align*}",
                r"\begin{align*}",
                f"  {left} &= {unrolled}",
                r"\end{align*}",
            ]
        )


def _factors(term: Term, printer: Any) -> list[str]:
    return [printer.factor(factor) for factor in term.factors]
