"""What people see: a diagnosis as a table, a page, JSON or a notebook cell."""

from bptt.report.diagnosing import diagnose
from bptt.report.prognosis import PrognosisReport, prognosis
from bptt.report.report import Report

__all__ = ["PrognosisReport", "Report", "diagnose", "prognosis"]
