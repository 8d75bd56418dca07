"""The gradient four ways, compared."""

from bptt.verification.cutting import cut
from bptt.verification.four_ways import TOLERANCE, Agreement, Verification, verify

__all__ = ["TOLERANCE", "Agreement", "Verification", "cut", "verify"]
