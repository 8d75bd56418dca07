"""Advice that needs no knowledge of what the step is made of."""

from bptt.diagnosis.along import Along
from bptt.diagnosis.cause import Cause
from bptt.diagnosis.keep import Keep, initialised
from bptt.diagnosis.piece import Advice

CLIP = Advice(
    "Clip the gradient by its norm in training, at 1 to begin with: this leaves the signal unchanged, but no update can "
    "throw the weights far off.",
    number=1.0,
    settings=({"clip": 1.0},),
)
LARGER_BATCHES = Advice(
    "Use larger batches or longer sequences: what is left is mostly noise."
)  # fmt: skip
LET_THROUGH = Advice(
    "Let more of the state through between the steps: drop or scale the outputs and not the state, and put norms and "
    "projections on the way to the outputs."
)
SCALE_LESS = Advice(
    "Let what stands between the steps multiply the state by no more than 1: a norm with a smaller gain, a projection with "
    "smaller weights."
)


def plain_advice(along: Along, cause: Cause) -> tuple[Advice, ...]:
    """What to change, the likeliest first; nothing where it depends on the step.

    Args:
        along: what was measured.
        cause: of the verdict.
    """
    if along.verdict == "steady":
        if cause.name == "cancellation":
            return (LARGER_BATCHES,)
        return (Advice(f"Nothing, if the task needs no more than lag {along.needed}."),)
    if cause.name == "loss out of reach":
        return (_further(along),)
    if cause.name == "between the steps":
        return (SCALE_LESS, CLIP) if along.verdict == "exploding" else (LET_THROUGH,)
    return ()


def advice_on_state(
    along: Along, cause: Cause, keep: Keep | None = None, path: str = ""
) -> tuple[Advice, ...]:
    """The same for a recurrence that is known by its step alone: what a step would have to pass on.

    Args:
        along: what was measured.
        cause: of the verdict.
        keep: what lets a step keep more of its state; None if nobody says.
        path: of the module in the model.
    """
    plain = plain_advice(along, cause)
    if plain:
        return plain
    growth, enough = along.growth, along.enough
    if along.verdict == "exploding":
        less = Advice(
            f"Let a step back multiply the signal by no more than 1; now it is {growth:.3g} on average: smaller weights from "
            "state to state, or a norm on the state.",
            number=1.0,
        )
        return less, CLIP
    now = f"now it is {growth:.3g}" if growth == growth else "now nothing is left"
    return (
        *initialised(along, keep, path),
        Advice(
            f"Let a step pass on {enough:.3g} of the signal, so that a tenth is left at lag {along.needed}; {now}: a gate that "
            "stays open, or a way from state to state that adds instead of replacing.",
            number=enough,
        ),
    )


def _further(along: Along) -> Advice:
    """The loss has too short a past."""
    if not along.name.endswith(".backward"):
        if len(along.profile.log10_signal) == 1:
            return Advice(
                "Take the loss later in the sequence, and pass the state on from step to step: no loss step has a "
                "past yet."
            )
        return Advice("Measure longer sequences, or take the loss later in them.")
    if len(along.profile.log10_signal) > 1:
        return Advice(
            "Measure longer sequences, or take the loss earlier in them: this direction reads from the end."
        )
    return Advice(
        "Read this direction at the first step of the sequence (in PyTorch h_n, or out[0, :, H:] with time first): at "
        "the last one it has seen a single input."
    )
