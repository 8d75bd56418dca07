"""Remedies that were tried, as a page, a table and JSON."""

from bptt.report.remedies.report import RemedyReport

__all__ = ["RemedyReport"]
