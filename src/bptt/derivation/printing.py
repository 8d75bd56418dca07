"""How the derivation reads: SymPy's printers, with the factors in the order in which they act."""

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from bptt.derivation.rules import W_F, W_R, Matrix, Turned, b, derror, dphi, error, x_t

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Order:
    """Factors in the order weights, slopes, brackets, states; sums from recent to remote."""

    def _ordered(self, expr: Any) -> list[Any]:
        commuting, rest = expr.args_cnc()

        def rank(f: Any) -> int:
            if f.as_base_exp()[0] in (W_F, W_R):
                return 0
            if isinstance(f, derror):
                return -1
            return 1 if isinstance(f, dphi) else 3 if isinstance(f, sp.Add) else 2

        return [*sorted(commuting, key=rank), *rest]

    def _summands(self, expr: Any) -> list[Any]:
        def remoteness(term: Any) -> tuple[bool, bool, int]:
            return term == b, term.has(W_R, Matrix.W) and not term.is_Function, len(str(term))

        inputs = [t for t in expr.args if t.has(x_t) or "x_t" in str(t)]
        others = sorted((t for t in expr.args if t not in inputs), key=remoteness)
        return [*inputs, *others]


class TextPrinter(_Order, StrPrinter):  # type: ignore[misc]
    """For a terminal."""

    def factor(self, expr: Any) -> str:
        """One factor of a product; a sum in brackets."""
        if isinstance(expr, Turned):
            text = " ".join(map(self.factor, expr.factors))
            return f"({text})ᵀ" if len(expr.factors) > 1 or "/" in text else f"{text}ᵀ"
        text = self._print(expr)
        return f"({text})" if isinstance(expr, sp.Add) else str(text)

    def _print_AppliedUndef(self, expr: AppliedUndef) -> str:
        return str(expr.func)

    def _print_Sum(self, expr: Any) -> str:
        return f"Σ_t {self._print(expr.function)}"

    def _print_Function(self, expr: Any) -> str:
        if isinstance(expr, error | derror):
            return "E_t" if isinstance(expr, error) else "∂E_t/∂z_t"
        return f"{'φ′' if isinstance(expr, dphi) else 'φ'}({self._print(expr.args[0])})"

    def _print_Derivative(self, expr: Any) -> str:
        return f"∂{self._print(expr.expr)}/∂W_R"

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        return f"{self._print(expr.base)}{str(expr.exp).translate(_SUPERSCRIPT)}"

    def _print_Mul(self, expr: Any) -> str:
        return " ".join(map(self.factor, self._ordered(expr)))

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        return " + ".join(map(self._print, self._summands(expr)))


class LatexCode(_Order, LatexPrinter):  # type: ignore[misc]
    """For a paper."""

    def factor(self, expr: Any) -> str:
        """One factor of a product; a sum in brackets."""
        if isinstance(expr, Turned):
            text = r" \, ".join(map(self.factor, expr.factors))
            many = len(expr.factors) > 1 or "frac" in text
            return rf"\left({text}\right)^{{\!\top}}" if many else rf"{text}^{{\top}}"
        text = self._print(expr)
        return rf"\left({text}\right)" if isinstance(expr, sp.Add) else str(text)

    def _print_AppliedUndef(self, expr: AppliedUndef) -> str:
        return str(expr.func)

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        if str(expr) == "∂E_t/∂z_t":
            return r"\frac{\partial E_t}{\partial z_t}"
        return str(expr).replace("δ", r"\delta ").replace("Φ′", r"\Phi'")

    def _print_Sum(self, expr: Any) -> str:
        return rf"\sum_t {self._print(expr.function)}"

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        if isinstance(expr, error | derror):
            return "E_t" if isinstance(expr, error) else r"\frac{\partial E_t}{\partial z_t}"
        return rf"\varphi{chr(39) * isinstance(expr, dphi)}({self._print(expr.args[0])})"

    def _print_Derivative(self, expr: Any) -> str:
        return rf"\frac{{\partial {self._print(expr.expr)}}}{{\partial W_R}}"

    def _print_Mul(self, expr: Any) -> str:
        return r" \, ".join(map(self.factor, self._ordered(expr)))

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        return " + ".join(map(self._print, self._summands(expr)))
