"""Does it affect our training? Changes tried on copies of a model, measured on its batch, and ranked."""

from bptt.remedies.applying import apply_remedy, remedied
from bptt.remedies.catalogue import CATALOGUE, Remedy
from bptt.remedies.network_subject import NetworkSubject
from bptt.remedies.racing import Race
from bptt.remedies.ranking import Ranking
from bptt.remedies.rounds import Costs
from bptt.remedies.settings import Settings
from bptt.remedies.subject import Subject
from bptt.remedies.tried import UNCHANGED, Tried
from bptt.remedies.trying import try_remedies

__all__ = [
    "CATALOGUE",
    "UNCHANGED",
    "Costs",
    "NetworkSubject",
    "Race",
    "Ranking",
    "Remedy",
    "Settings",
    "Subject",
    "Tried",
    "apply_remedy",
    "remedied",
    "try_remedies",
]
