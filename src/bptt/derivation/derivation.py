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
DELTA = "δ marks the change, to first order, that a small change δW_R of the weights causes: δz_t is that of z_t."


class Derivation:
    """The lecture's equations (1) to (7), the expression unrolled over n steps (8), and the gradient by lag (9).

    Args:
        steps: n, from 1 to 50: the power of W_R in the last term.
        form: "scalar", as the lecture writes it, or "matrix".

    Raises:
        OptionError: if the steps or the form are outside their choices.

    >>> print(Derivation(2).text())
    (1)  z_t = W_F x_t + W_R h_{t-1} + b
    (2)  h_t = φ(z_t)
    (3)  E = Σ_t E_t
    (4)  ∂E/∂W_R = Σ_t ∂E_t/∂z_t ∂z_t/∂W_R
    (5)  ∂z_t/∂W_R = h_{t-1} + W_R ∂h_{t-1}/∂W_R
    (6)  ∂h_{t-1}/∂W_R = φ′(z_{t-1}) ∂z_{t-1}/∂W_R
    (7)  ∂z_t/∂W_R = h_{t-1} + W_R φ′(z_{t-1}) (h_{t-2} + W_R ∂h_{t-2}/∂W_R)
    <BLANKLINE>
    Unrolled over 2 steps:
    (8)  ∂z_t/∂W_R = h_{t-1}
                   + W_R φ′(z_{t-1}) h_{t-2}
                   + W_R² φ′(z_{t-1}) ∂h_{t-2}/∂W_R
    <BLANKLINE>
    The gradient is the sum of its lags. (8) in (4), the term of lag 1 for every t:
    (9)  G_1 = Σ_t ∂E_t/∂z_t W_R φ′(z_{t-1}) h_{t-2}
    """

    def __init__(self, steps: int = 3, form: Form = "scalar") -> None:
        if form not in ("scalar", "matrix"):
            raise OptionError("form", '"scalar" or "matrix"', repr(form), "Choose one.")
        self.steps = as_whole("steps", steps, least=1, most=MAX_STEPS, cure="3 shows the pattern.")
        self.rules: Scalar | Matrix = Scalar() if form == "scalar" else Matrix()

    @cached_property
    def equations(self) -> list[Equation]:
        """(1) to (7)."""
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
        printer = TextPrinter()
        left = printer.doprint(self.equations[-1].left)
        lines = [
            f"({e.number})  {printer.doprint(e.left)} = {printer.doprint(e.right)}"
            for e in self.equations
        ]
        terms = [" ".join(_factors(term, printer)) for term in self.terms]
        indent = "\n" + " " * (5 + len(left)) + " + "
        many = f"{self.steps} step" + "s" * (self.steps > 1)
        before = [DELTA, ""] if isinstance(self.rules, Matrix) else []
        return "\n".join(
            [
                *before, *lines, "",
                f"Unrolled over {many}:", f"(8)  {left} = {indent.join(terms)}", "",
                f"The gradient is the sum of its lags. (8) in (4), the term of lag {self.steps - 1} for every t:",
                f"(9)  G_{self.steps - 1} = Σ_t {' '.join(_factors(self.last_lag, printer))}",
            ]
        )  # fmt: skip

    @cached_property
    def last_lag(self) -> Term:
        """(9): what is added up over t to the part of the gradient with lag n - 1."""
        return self.rules.by_lag(self.steps)

    def latex(self) -> str:
        """For a paper: two ``align*`` environments (amsmath)."""
        printer = LatexCode()
        lines = [
            rf"  {printer.doprint(e.left)} &= {printer.doprint(e.right)} \tag{{{e.number}}}"
            for e in self.equations
        ]
        left = printer.doprint(self.equations[-1].left)
        terms = [r" \, ".join(_factors(term, printer)) for term in self.terms]
        unrolled = " \\\\\n  &\\quad + ".join([rf"{terms[0]} \tag{{8}}", *terms[1:]])
        by_lag = r" \, ".join(_factors(self.last_lag, printer))
        return "\n".join(
            [
                r"\begin{align*}",
                " \\\\\n".join(lines),
                r"\end{align*}",
                r"\begin{align*}",
                f"  {left} &= {unrolled} \\\\",
                rf"  G_{{{self.steps - 1}}} &= \sum_t {by_lag} \tag{{9}}",
                r"\end{align*}",
            ]
        )


def _factors(term: Term, printer: Any) -> list[str]:
    return [printer.factor(factor) for factor in term.factors]
