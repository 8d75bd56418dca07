"""Jacobians, Lyapunov exponents, mean field, and what the recurrent weights alone say (Q9, Q11)."""

from bptt.dynamics.jacobians import Product, jacobian, jacobian_product
from bptt.dynamics.lyapunov import Exponents, lyapunov, lyapunov_of
from bptt.dynamics.mean_field import MeanField, critical_gain, mean_field
from bptt.dynamics.memory_function import MemoryFunction, memory_function
from bptt.dynamics.spectrum import Spectrum, spectrum

__all__ = [
    "Exponents",
    "MeanField",
    "MemoryFunction",
    "Product",
    "Spectrum",
    "critical_gain",
    "jacobian",
    "jacobian_product",
    "lyapunov",
    "lyapunov_of",
    "mean_field",
    "memory_function",
    "spectrum",
]
