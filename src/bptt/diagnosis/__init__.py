"""From numbers to a verdict, its cause, and advice."""

from bptt.diagnosis.advice import Advice
from bptt.diagnosis.causes import Cause
from bptt.diagnosis.layer import LayerDiagnosis, diagnose_traces
from bptt.diagnosis.network import Diagnosis, diagnose_network, needed_or_half, remembered
from bptt.diagnosis.verdict import VERDICT_CODES, VERDICTS, Verdict, judged, severity

__all__ = [
    "VERDICTS",
    "VERDICT_CODES",
    "Advice",
    "Cause",
    "Diagnosis",
    "LayerDiagnosis",
    "Verdict",
    "diagnose_network",
    "diagnose_traces",
    "judged",
    "needed_or_half",
    "remembered",
    "severity",
]
