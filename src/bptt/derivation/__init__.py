"""The lecture's equations, derived with SymPy (extra ``derive``) and unrolled over any number of steps."""

from bptt.extras import needing

with needing("derive", "bptt.derivation"):
    from bptt.derivation.derivation import Derivation
    from bptt.derivation.rules import Equation, Term

__all__ = ["Derivation", "Equation", "Term"]
