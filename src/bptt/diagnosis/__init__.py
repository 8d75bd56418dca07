"""From numbers to a verdict, its cause, and advice."""

from bptt.diagnosis.already import is_identity_relu
from bptt.diagnosis.cause import Cause
from bptt.diagnosis.keep import Keep
from bptt.diagnosis.lags import assumed_lags, needed_lags, needed_or_half
from bptt.diagnosis.layer import LayerDiagnosis, diagnose_traces
from bptt.diagnosis.network import Diagnosis, batch_arguments, diagnose_network
from bptt.diagnosis.piece import Advice, Edit
from bptt.diagnosis.reading import remarks_on_memory
from bptt.diagnosis.recurrence import RecurrenceDiagnosis
from bptt.diagnosis.remembering import remarks_on_inputs, remembered
from bptt.diagnosis.scans import diagnose_scan
from bptt.diagnosis.state import StateDiagnosis, along_state, diagnose_state
from bptt.diagnosis.verdict import VERDICT_CODES, VERDICTS, Verdict, judged, severity

__all__ = [
    "VERDICTS",
    "VERDICT_CODES",
    "Advice",
    "Cause",
    "Diagnosis",
    "Edit",
    "Keep",
    "LayerDiagnosis",
    "RecurrenceDiagnosis",
    "StateDiagnosis",
    "Verdict",
    "along_state",
    "assumed_lags",
    "batch_arguments",
    "diagnose_network",
    "diagnose_scan",
    "diagnose_state",
    "diagnose_traces",
    "is_identity_relu",
    "judged",
    "needed_lags",
    "needed_or_half",
    "remarks_on_inputs",
    "remarks_on_memory",
    "remembered",
    "severity",
]
