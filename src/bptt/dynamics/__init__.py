"""Jacobians, Lyapunov exponents, mean field, what carries keep, and what the recurrent weights alone say (Q9, Q11)."""

from bptt.dynamics.carry import ENOUGH, bias_that_keeps, longest_memory, strength_that_keeps
from bptt.dynamics.gated_isometry import gated_isometry
from bptt.dynamics.gated_mean_field import (
    GatedMeanField,
    gated_critical_gain,
    gated_mean_field,
)
from bptt.dynamics.jacobians import Product, jacobian, jacobian_product
from bptt.dynamics.lyapunov import Exponents, exponents_of, lyapunov, lyapunov_of
from bptt.dynamics.mean_field import MeanField, critical_gain, mean_field
from bptt.dynamics.memory_function import memory_function, memory_of
from bptt.dynamics.remembered import MemoryFunction
from bptt.dynamics.singular_values import SingularValues, isometry, singular_values
from bptt.dynamics.spectrum import Spectrum, spectrum

__all__ = [
    "ENOUGH",
    "Exponents",
    "GatedMeanField",
    "MeanField",
    "MemoryFunction",
    "Product",
    "SingularValues",
    "Spectrum",
    "bias_that_keeps",
    "critical_gain",
    "exponents_of",
    "gated_critical_gain",
    "gated_isometry",
    "gated_mean_field",
    "isometry",
    "jacobian",
    "jacobian_product",
    "longest_memory",
    "lyapunov",
    "lyapunov_of",
    "mean_field",
    "memory_function",
    "memory_of",
    "singular_values",
    "spectrum",
    "strength_that_keeps",
]
