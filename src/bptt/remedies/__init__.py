"""Does it affect our training? Changes tried on copies of a model, measured on its batch, and ranked."""

from bptt.remedies.applying import apply_remedy
from bptt.remedies.catalogue import CATALOGUE, Remedy
from bptt.remedies.network_subject import NetworkSubject
from bptt.remedies.ranking import Ranking
from bptt.remedies.subject import Subject
from bptt.remedies.trial import Settings, Trial, usual_updates
from bptt.remedies.tried import UNCHANGED, Tried
from bptt.remedies.trying import try_remedies

__all__ = [
    "CATALOGUE",
    "UNCHANGED",
    "NetworkSubject",
    "Ranking",
    "Remedy",
    "Settings",
    "Subject",
    "Trial",
    "Tried",
    "apply_remedy",
    "try_remedies",
    "usual_updates",
]
