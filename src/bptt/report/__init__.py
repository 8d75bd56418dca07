"""What people see: a diagnosis as a table, a page, JSON or a notebook cell."""

from bptt.report.report import Report, diagnose

__all__ = ["Report", "diagnose"]
