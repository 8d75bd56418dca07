"""From numbers to a verdict."""

from bptt.diagnosis.layer import LayerDiagnosis, Verdict, diagnose_traces, judged, severity
from bptt.diagnosis.network import Diagnosis, diagnose_network, needed_or_half, remembered

__all__ = [
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
