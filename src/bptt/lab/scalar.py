r"""The lecture's scalar network, and every factor of its unrolled expression as a number (Q4).

    z_t = W_F x_t + W_R h_{t-1} + b,   h_t = φ(z_t)

    ∂z_t/∂W_R = h_{t-1} + W_R φ′(z_{t-1}) h_{t-2} + W_R² φ′(z_{t-1}) φ′(z_{t-2}) h_{t-3} + …
                + W_R^n Π φ′ · ∂h_{t-n}/∂W_R

The symbols are those that ``bptt.derivation`` derives; the numbers are those of a ``bptt.RNN`` of one unit: its
states, its slopes, and for the last factor its backward pass.
"""

from dataclasses import dataclass
from functools import cache
from math import fsum, prod
from typing import Any

import numpy as np
import sympy as sp

from bptt.arrays import as_floats, as_whole
from bptt.cells.activations import Activation, Pair
from bptt.derivation import Derivation
from bptt.derivation.printing import LatexCode
from bptt.derivation.rules import W_R as SYMBOL
from bptt.derivation.rules import Scalar, dphi
from bptt.layers import RNN, Trace
from bptt.presentation.formatting import latex

SHOWN = 8  # lines of the formula that fit on a page


@dataclass(frozen=True)
class Factor:
    """One factor of a term.

    Attributes:
        latex: its symbol.
        value: its number.
    """

    latex: str
    value: float


@dataclass(frozen=True)
class Term:
    """One summand: a power of W_R, a product of slopes, and a state or what is left of the past.

    Attributes:
        lag: how many steps back it reaches; None for what is left after the last step.
        power: W_R to the number of steps back; None where there is no step back.
        slopes: φ′(z_{t-1}), φ′(z_{t-2}), …
        state: h_{t-lag-1}, or for what is left ∂h_{t-n}/∂W_R.
    """

    lag: int | None
    power: Factor | None
    slopes: tuple[Factor, ...]
    state: Factor

    @property
    def factors(self) -> tuple[Factor, ...]:
        """All of them, in the order in which they stand."""
        return (*(() if self.power is None else (self.power,)), *self.slopes, self.state)

    @property
    def product(self) -> float:
        """The term's number."""
        return prod(factor.value for factor in self.factors)

    def row(self) -> dict[str, Any]:
        """For a table or chart: lag, power, slopes (their product), state and product."""
        return {
            "lag": self.lag,
            "power": 1.0 if self.power is None else self.power.value,
            "slopes": prod((slope.value for slope in self.slopes), start=1.0),
            "state": self.state.value,
            "product": self.product,
        }


@dataclass(frozen=True)
class Unrolled:
    """The unrolled expression of the last step, with its numbers.

    Attributes:
        terms: lag after lag, and last what is left.
        left: LaTeX of what they add up to, ∂z_t/∂W_R.
    """

    terms: tuple[Term, ...]
    left: str

    @property
    def total(self) -> float:
        """∂z_t/∂W_R, the sum of the terms."""
        return fsum(term.product for term in self.terms)

    def rows(self) -> list[dict[str, Any]]:
        """A row per term; see ``Term.row``."""
        return [term.row() for term in self.terms]

    def latex(self, shown: int = SHOWN) -> str:
        r"""A line per term, each factor with its number below it; for KaTeX or amsmath.

        Args:
            shown: how many lags have a line of their own; those between them and what is left
                share one.

        Raises:
            OptionError: if it is below 1.
        """
        shown = as_whole("shown", shown, least=1, cure="Pass 8: so many lines fit on a page.")
        *lags, rest = self.terms
        lines = [(_braced(term), term.product) for term in lags[:shown]]
        if between := lags[shown:]:
            ends = dict.fromkeys((between[0].lag, between[-1].lag))
            words = rf"\cdots \quad \text{{(lag {' to '.join(map(str, ends))})}}"
            lines.append((words, fsum(term.product for term in between)))
        lines.append((_braced(rest), rest.product))
        # the numbers first: behind their factors they would stand outside a narrow window
        body = r" \\ ".join(f"{latex(value)} &= {text}" for text, value in lines)
        total = rf"\mathbf{{{latex(self.total)}}} &= {self.left} \quad \text{{together}}"
        return rf"\begin{{aligned}} {body} \\ {total} \end{{aligned}}"


def unrolled(
    W_F: float,
    W_R: float,
    b: float,
    x: Any,
    steps: int,
    activation: str | Pair | Activation = "tanh",
    h0: float = 0.0,
) -> Unrolled:
    r"""The unrolled expression of ∂z_t/∂W_R at the last of the inputs.

    Args:
        W_F: weight of the input.
        W_R: recurrent weight.
        b: bias.
        x: (t,) inputs, one number a step.
        steps: n, how many steps back are taken, from 1 to t and to 50; at t nothing is left.
        activation: as for ``bptt.RNN``.
        h0: the state before the first step.

    Raises:
        OptionError: if the steps lie outside the sequence, or the activation is unknown.
        ShapeError, NonFiniteError: if x is no row of numbers, or a number is not finite.

    >>> expression = unrolled(W_F=1.0, W_R=0.5, b=0.0, x=[1.0, 1.0, 1.0], steps=3, activation="identity")
    >>> [term.product for term in expression.terms], expression.total
    ([1.5, 0.5, 0.0, 0.0], 2.0)
    >>> [(factor.latex, factor.value) for factor in expression.terms[1].factors]
    [('W_R', 0.5), ("\\varphi'(z_{t-1})", 1.0), ('h_{t-2}', 1.0)]
    """
    inputs = as_floats("x", x, ("t",)).astype(np.float64)
    t = len(inputs)
    steps = as_whole("steps", steps, least=1, most=t, cure="Pass more inputs, or fewer steps.")
    trace = RNN([[W_F]], [[W_R]], [b], activation).forward(inputs[:, None, None], [[h0]])
    h, slope = trace.h[:, 0, 0], trace.linearised()[0][:, 0, 0]
    at = Scalar.at
    # By the factor itself, an expression of SymPy: the number that it stands for. x_t is x[t-1].
    numbers: dict[Any, float] = {SYMBOL**k: float(W_R) ** k for k in range(1, steps + 1)}
    for back in range(1, steps + 1):
        numbers[at("h", back)] = float(h[t - back])
        numbers[dphi(at("z", back))] = float(slope[t - back - 1])
    numbers[sp.Derivative(at("h", steps), SYMBOL)] = _sensitivity(trace, t - steps)
    left, terms = _symbols(steps)
    return Unrolled(tuple(_term(lag, factors, numbers) for lag, factors in terms), left)


def _sensitivity(trace: Trace, s: int) -> float:
    """∂h_s/∂W_R of one unit, by the backward pass over the first s steps."""
    if s == 0:
        return 0.0
    x, dh = trace.x[:s], np.zeros((s, 1, 1))
    dh[-1] = 1.0
    layer = trace.layer
    assert isinstance(layer, RNN)
    return float(layer.backward(layer.forward(x, trace.h[0]), dh).dW_R[0, 0])


@cache
def _symbols(steps: int) -> tuple[str, tuple[tuple[int | None, tuple[Any, ...]], ...]]:
    """Left side in LaTeX, and (lag, factors) of each term; the same for all numbers."""
    derivation = Derivation(steps)
    left = LatexCode().doprint(derivation.equations[-1].left)
    return left, tuple((term.lag, term.factors) for term in derivation.terms)


def _term(lag: int | None, factors: tuple[Any, ...], numbers: dict[Any, float]) -> Term:
    known = [Factor(_latex(factor), numbers[factor]) for factor in factors]
    power = known.pop(0) if factors[0].as_base_exp()[0] == SYMBOL else None
    return Term(lag, power, tuple(known[:-1]), known[-1])


@cache
def _latex(factor: Any) -> str:
    return str(LatexCode().factor(factor))


def _braced(term: Term) -> str:
    """The factors side by side; slopes too many for a line share one brace."""
    factors = term.factors
    if len(term.slopes) >= SHOWN:
        ends = rf"{term.slopes[0].latex} \cdots {term.slopes[-1].latex}"
        together = Factor(ends, prod(slope.value for slope in term.slopes))
        factors = (*(f for f in (term.power,) if f is not None), together, term.state)
    return r" \, ".join(
        rf"\underbrace{{{factor.latex}}}_{{{latex(factor.value)}}}" for factor in factors
    )
