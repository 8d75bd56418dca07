"""The gradient four ways, compared."""

from bptt.verification.four_ways import Agreement, Verification, verify

__all__ = ["Agreement", "Verification", "verify"]
