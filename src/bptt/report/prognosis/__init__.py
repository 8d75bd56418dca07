"""A look ahead as a page, a table and JSON, and the one door to it: will it learn?"""

from bptt.prognoses.foretell import as_budget
from bptt.report.prognosis.door import Training, learner_of, prognosis, report_of, title_of
from bptt.report.prognosis.report import PrognosisReport

__all__ = [
    "PrognosisReport",
    "Training",
    "as_budget",
    "learner_of",
    "prognosis",
    "report_of",
    "title_of",
]
