"""The gradient four ways, compared."""

from bptt.verification.cutting import cut
from bptt.verification.four_ways import Agreement, Verification, verify

__all__ = ["Agreement", "Verification", "cut", "verify"]
