r"""The lecture's equations, derived: made with SymPy by differentiating, not typed in.

Scalar. The error (3), a sum over the loss steps t, is differentiated by W_R: that is the lecture's first
equation, (4). Then one step's definition is (product and chain rule), which gives (5) and (6). Putting them
into one another gives (7) and, n times over, the unrolled expression (8) (Q4). It is checked against SymPy's
own derivative of the network written out as one nested expression. (8) in (4) gives the gradient by lag, (9).

Matrix. W_R is moved to W_R + ε δW_R and h_{t-1} to h_{t-1} + ε δh_{t-1}, symbols that do not commute;
the part of first order in ε is (5). In (9) δW_R is left out: what stands before it is a row vector, what stands
behind it a column, and the derivative by W_R is the matrix of the products of their entries. The unrolled result is checked entry by entry against SymPy's
derivative of a network of two units.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp

MAX_MATRIX_CHECK = 5  # the two-unit network written out doubles in size with every step

W_F, W_R, x_t, b, eps = sp.symbols("W_F W_R x_t b epsilon")
t, T, E = sp.symbols("t T E")


class phi(sp.Function):  # type: ignore[misc]
    """The activation φ, left general."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        """φ′ of the same argument."""
        return dphi(self.args[0])


class dphi(sp.Function):  # type: ignore[misc]
    """Its derivative φ′."""

    nargs = 1


class error(sp.Function):  # type: ignore[misc]
    """E_t, the error made at a loss step t, left general."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        """∂E_t/∂z_t."""
        return derror(self.args[0])


class derror(sp.Function):  # type: ignore[misc]
    """Its derivative ∂E_t/∂z_t."""

    nargs = 1


@dataclass(frozen=True)
class Equation:
    """left = right, with the number it goes by."""

    number: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Term:
    """One summand of the unrolled expression: the factors in the order in which they act."""

    lag: int | None  # None: what is left after the last step
    factors: tuple[Any, ...]


@dataclass(frozen=True)
class Turned:
    """A product of matrices, transposed."""

    factors: tuple[Any, ...]


class Scalar:
    """The derivation for one unit, as the lecture writes it."""

    @staticmethod
    def at(name: str, back: int) -> Any:
        """h or z, ``back`` steps before t, a function of W_R."""
        return sp.Function(name + _index(back))(W_R)

    @cached_property
    def step(self) -> Any:
        """(2): the derivative of z_t = W_F x_t + W_R h_{t-1} + b."""
        return sp.diff(W_F * x_t + W_R * self.at("h", 1) + b, W_R)

    def inner(self, back: int) -> Any:
        """(3): the derivative of h = φ(z), ``back`` steps before t."""
        return sp.diff(phi(self.at("z", back)), W_R)

    def equations(self) -> list[Equation]:
        """(1) to (7)."""
        h, z = self.at("h", 1), self.at("z", 0)
        dz = sp.Derivative(z, W_R)
        whole = sp.Sum(error(z), (t, 1, T))
        return [
            Equation("1", z, W_F * x_t + W_R * h + b),
            Equation("2", self.at("h", 0), phi(z)),
            Equation("3", E, whole),
            Equation("4", sp.Derivative(E, W_R), whole.diff(W_R)),
            Equation("5", dz, self.step),
            Equation("6", sp.Derivative(h, W_R), self.inner(1)),
            Equation("7", dz, self._put_in(self.step, 1)),
        ]

    def by_lag(self, n: int) -> Term:
        """(9) for lag n - 1: what stands behind the sum over t; Σ_t of it is G_{n-1}."""
        term = self.unrolled(n)[n - 1]
        return Term(term.lag, (derror(self.at("z", 0)), *term.factors))

    def _put_in(self, expression: Any, back: int) -> Any:
        """Replace ∂h_{t-back}/∂W_R by (3), and the ∂z in it by (2) one step earlier."""
        earlier = self.step.xreplace({self.at("h", 1): self.at("h", back + 1)})
        inner = self.inner(back).subs(sp.Derivative(self.at("z", back), W_R), earlier)
        return expression.subs(sp.Derivative(self.at("h", back), W_R), inner)

    def unrolled(self, n: int) -> list[Term]:
        """(Q4): n - 1 substitutions, multiplied out, by lag."""
        expression = self.step
        for back in range(1, n):
            expression = sp.expand(self._put_in(expression, back))
        terms = [_scalar_term(term) for term in sp.Add.make_args(expression)]
        return sorted(terms, key=lambda term: n if term.lag is None else term.lag)

    def check(self, n: int) -> int:
        """Compare with SymPy's derivative of the network written out over n steps; returns n.

        Raises:
            ArithmeticError: if they differ.
        """
        # From the far end: h_{t-n} is left a function of W_R, the rest is nested in full.
        h = self.at("h", n)
        short: dict[Any, Any] = {}
        for back in range(n - 1, 0, -1):
            z = W_F * sp.Symbol(f"x{_index(back)}") + W_R * h + b
            h = phi(z)
            short |= {h: self.at("h", back), dphi(z): dphi(self.at("z", back))}
        written_out = sp.diff(W_F * x_t + W_R * h + b, W_R).xreplace(short)
        unrolled = sum(sp.Mul(*term.factors) for term in self.unrolled(n))
        if sp.expand(written_out - unrolled) != 0:
            raise ArithmeticError(f"the unrolled expression is wrong at n = {n}")
        return n


class Matrix:
    """The derivation for H units: order matters, and φ′ is a diagonal matrix."""

    W, dW = sp.Symbol("W_R", commutative=False), sp.Symbol("δW_R", commutative=False)

    @staticmethod
    def at(name: str, back: int) -> Any:
        """A vector or matrix, ``back`` steps before t: does not commute."""
        return sp.Symbol(name + _index(back), commutative=False)

    @cached_property
    def step(self) -> Any:
        """(2): the part of first order in ε of W_F x_t + (W_R + ε δW_R)(h + ε δh) + b."""
        moved = (self.W + eps * self.dW) * (self.at("h", 1) + eps * self.at("δh", 1))
        return sp.expand(moved).diff(eps).subs(eps, 0)

    def inner(self, back: int) -> Any:
        """(3): φ(z_i + ε δz_i) to first order is φ′(z_i) δz_i for every unit i: a diagonal."""
        z, dz = sp.symbols("z dz")
        first = phi(z + eps * dz).diff(eps).subs(eps, 0)
        return self.at("Φ′", back) * (first / dphi(z)).subs(dz, self.at("δz", back))

    @cached_property
    def error_row(self) -> Any:
        """∂E_t/∂z_t, a row vector."""
        return sp.Symbol("∂E_t/∂z_t", commutative=False)

    @cached_property
    def moved_error(self) -> Any:
        """(4): E_t(z_i + ε δz_i) to first order is ∂E_t/∂z_i δz_i, added over the units i: row times column."""
        z, dz = sp.symbols("z dz")
        first = error(z + eps * dz).diff(eps).subs(eps, 0)
        return self.error_row * (first / derror(z)).subs(dz, self.at("δz", 0))

    def equations(self) -> list[Equation]:
        """(1) to (7), with δ for the change that a change δW_R makes."""
        h, z = self.at("h", 1), self.at("z", 0)
        W_Fm, x = sp.symbols("W_F x_t", commutative=False)
        return [
            Equation("1", z, W_Fm * x + self.W * h + b),
            Equation("2", self.at("h", 0), phi(z)),
            Equation("3", E, sp.Sum(error(z), (t, 1, T))),
            Equation("4", sp.Symbol("δE"), sp.Sum(self.moved_error, (t, 1, T))),
            Equation("5", self.at("δz", 0), self.step),
            Equation("6", self.at("δh", 1), self.inner(1)),
            Equation("7", self.at("δz", 0), self._put_in(self.step, 1)),
        ]

    def by_lag(self, n: int) -> Term:
        """(9) for lag n - 1: a row vector, transposed, times a state, transposed; Σ_t of it is G_{n-1}."""
        term = self.unrolled(n)[n - 1]
        at = term.factors.index(self.dW)
        return Term(
            term.lag,
            (
                Turned((self.error_row, *term.factors[:at])),
                Turned(term.factors[at + 1 :]),
            ),
        )

    def _put_in(self, expression: Any, back: int) -> Any:
        earlier = self.step.xreplace(
            {
                self.at("h", 1): self.at("h", back + 1),
                self.at("δh", 1): self.at("δh", back + 1),
            }
        )
        inner = self.inner(back).xreplace({self.at("δz", back): earlier})
        return expression.xreplace({self.at("δh", back): inner})

    def unrolled(self, n: int) -> list[Term]:
        """(Q4) with the ordered product Π_j W_R Φ′_{t-j} in place of the power."""
        expression = self.step
        for back in range(1, n):
            expression = sp.expand(self._put_in(expression, back))
        terms = [_matrix_term(term) for term in sp.Add.make_args(expression)]
        return sorted(terms, key=lambda term: n if term.lag is None else term.lag)

    def check(self, n: int) -> int:
        """Compare with SymPy's derivative of two units written out; returns how many steps.

        Raises:
            ArithmeticError: if they differ.
        """
        n = min(n, MAX_MATRIX_CHECK)
        w = sp.Matrix(2, 2, sp.symbols("w_11 w_12 w_21 w_22"))
        far = sp.Matrix([sp.Function(f"h_{n}{i}")(*w) for i in range(2)])
        names: dict[Any, Any] = {self.at("h", n): far}
        short: dict[Any, Any] = {}
        h = far
        for back in range(n - 1, 0, -1):
            z = w * h + sp.Matrix(sp.symbols(f"u_{back}0 u_{back}1"))  # u is W_F x + b
            h = z.applyfunc(phi)
            values = sp.Matrix(sp.symbols(f"h_{back}0 h_{back}1"))
            slope = sp.Matrix(sp.symbols(f"d_{back}0 d_{back}1"))
            short |= dict(zip(h, values, strict=True)) | dict(
                zip(z.applyfunc(dphi), slope, strict=True)
            )
            names |= {self.at("h", back): values, self.at("Φ′", back): sp.diag(*slope)}
        terms = self.unrolled(n)
        for entry in w:
            unit = w.diff(entry)
            known = names | {self.W: w, self.dW: unit, self.at("δh", n): far.diff(entry)}
            unrolled = sp.zeros(2, 1)
            for term in terms:
                unrolled += sp.prod([known[factor] for factor in term.factors])
            written_out = (w * h).diff(entry).xreplace(short)
            if (written_out - unrolled).expand() != sp.zeros(2, 1):
                raise ArithmeticError(f"the unrolled expression is wrong at n = {n}")
        return n


def _index(back: int) -> str:
    return "_t" if back == 0 else f"_{{t-{back}}}"


def _back(factor: Any) -> int:
    """How many steps before t a factor stands: read off its name."""
    name = str(factor.args[0] if isinstance(factor, dphi | sp.Derivative) else factor)
    return int(name.split("t-")[1].split("}")[0])


def _scalar_term(term: Any) -> Term:
    """W_R first, then the slopes from t backwards, then the state."""
    factors = sp.Mul.make_args(term)
    weights = [f for f in factors if f.has(W_R) and f.as_base_exp()[0] == W_R]
    slopes = sorted((f for f in factors if isinstance(f, dphi)), key=_back)
    state = [f for f in factors if f not in weights and f not in slopes]
    lag = None if isinstance(state[0], sp.Derivative) else len(slopes)
    return Term(lag, (*weights, *slopes, *state))


def _matrix_term(term: Any) -> Term:
    factors = sp.Mul.make_args(term)
    rest = str(factors[-1]).startswith("δ")
    return Term(None if rest else (len(factors) - 2) // 2, factors)
