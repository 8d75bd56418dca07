"""Units and gates that are saturated because the data were never standardised: the cause, and what to do about it."""

from collections.abc import Iterable

from bptt.diagnosis.activity import MUCH
from bptt.diagnosis.cause import Cause
from bptt.diagnosis.evidence import Evidence
from bptt.diagnosis.piece import Advice, Edit, by_edit

NAME = "inputs too large"
LARGE = 10.0  # root mean square of x: what was standardised has 1, and what lies above saturates whatever reads it


def cause_of_large_inputs(evidence: Evidence, why: Cause) -> Cause:
    """The size of the inputs, where it is what saturates the units or shuts the gates; else the cause as it is.

    Args:
        evidence: of the layer.
        why: the cause without a look at the inputs.
    """
    own = max(evidence.drive.values(), key=lambda drive: drive.inputs)
    blamed = why.name in ("saturation", "gates closed") and evidence.activity.saturated > MUCH
    if not blamed or min(own.x, own.inputs) < LARGE or own.largest != "inputs":
        return why
    what = "Gates" if evidence.gated else "Units"
    return Cause(
        NAME, own.x,
        f"{what} saturated by inputs of size {own.x:.3g}, which add {own.inputs:.2g} to a pre-activation (root mean "
        f"squares): standardise. {why.sentence}",
    )  # fmt: skip


def standardise(evidence: Evidence) -> Iterable[Advice]:
    """What is to be done to the data, where they are the cause."""
    size = max(drive.x for drive in evidence.drive.values())
    yield by_edit(
        f"Standardise the inputs: take the mean from each feature and divide it by its standard deviation, both of the "
        f"training data. Now they have a root mean square of {size:.3g}; where their means are zero W_F times {1 / size:.3g} "
        "does the same.",
        Edit("W_F", None, float(f"{1 / size:.3g}")), evidence.number,
    )  # fmt: skip
