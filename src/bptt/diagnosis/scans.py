"""Linear recurrences, judged: the signal at a lag is the error times the product of what each step keeps, so the cause is there.

decays               what a step keeps of the state, a, is too small for the lag
steps too large      a = exp(Δ A) is, because the step size Δ is
state overwritten    the delta rule puts new values in the place of old ones
grows                a is above 1
"""

from collections.abc import Mapping

from bptt.diagnosis.along import Along
from bptt.diagnosis.cause import Cause, cause_of_none
from bptt.diagnosis.keep import Keep, initialised
from bptt.diagnosis.piece import Advice
from bptt.diagnosis.plain_advice import CLIP, plain_advice
from bptt.diagnosis.state import StateDiagnosis, along_state, diagnose_state
from bptt.dynamics import Exponents
from bptt.gradients.by_lag import StateProfile

MEAN, SLOWEST = "a over all units, mean", "a of the slowest unit, mean"
STEP_SIZE, WRITTEN = "step size Δ, mean", "β‖k‖² overwritten per step, mean"


def diagnose_scan(
    name: str,
    kind: str,
    profile: StateProfile,
    needed: int,
    facts: Mapping[str, float],
    keep: Keep | None = None,
    exponents: Exponents | None = None,
    *,
    path: str | None = None,
) -> StateDiagnosis:
    """Say what the numbers of a linear recurrence mean.

    Args:
        name: of it in the model.
        kind: its class.
        profile: its gradient by lag.
        needed: the lag the verdict is about.
        facts: what was measured of a, Δ and β, by the names above.
        keep: what lets a step keep this much of the state: a sentence without its end, its number, and a line of code that
            makes it in ``module``; None if nobody says.
        exponents: leading Lyapunov exponents of its state.
        path: of the module in the model, "" for the model itself; its name if None.
    """
    along, _ = along_state(name, profile, needed)
    cause = cause_of_none(along) or _cause(along, facts)
    advice = plain_advice(along, cause) or _advice(
        along, cause, facts, keep, name if path is None else path
    )
    return diagnose_state(
        name, kind, profile, needed, cause, advice, exponents=exponents, facts=facts
    )


def _cause(along: Along, facts: Mapping[str, float]) -> Cause:
    """Which of the four it is."""
    a, over = along.growth, f"over lags {along.first} to {along.last}"
    kept = f"{a:.3g} along the error {over}" if a == a else f"nothing of the error {over}"
    if along.verdict == "exploding":
        return Cause("grows", a, f"A step multiplies the state by {kept}: a is above 1.")
    units = f"{facts[MEAN]:.3g} over all units, {facts[SLOWEST]:.3g} in the slowest"
    enough = f"a tenth would be left at lag {along.needed} with {along.enough:.4g}"
    written = facts.get(WRITTEN)
    if written is not None and 1 - written < facts[MEAN]:
        return Cause(
            "state overwritten", written,
            f"A step overwrites {written:.2g} of what is stored under its key and lets the rest decay by {facts[MEAN]:.3g}: "
            f"it keeps {kept}; {enough}.",
        )  # fmt: skip
    delta = facts.get(STEP_SIZE)
    if delta is not None:
        return Cause(
            "steps too large", delta,
            f"With a step size Δ of {delta:.3g} on average, a = exp(Δ A) keeps {kept}, {units}; {enough}.",
        )  # fmt: skip
    return Cause("decays", a if a == a else 0.0, f"A step keeps {kept}, {units}; {enough}.")


def _advice(
    along: Along, cause: Cause, facts: Mapping[str, float], keep: Keep | None, path: str
) -> tuple[Advice, ...]:
    """What to change, the likeliest first."""
    if cause.name == "grows":
        return Advice("Let a step keep no more than it has: |a| at most 1.", number=1.0), CLIP
    a = along.enough
    if cause.name == "state overwritten":
        return (
            Advice(
                f"Let a step overwrite less of what is stored under its key: with β‖k‖² at {1 - a:.2g}, now {facts[WRITTEN]:.2g}, "
                f"a tenth is left at lag {along.needed} even where every step has the same key; normalised keys, and a bias "
                "of β below 0, do that.",
                number=1 - a,
            ),
            *initialised(along, keep, path),
        )
    return initialised(along, keep, path) or (
        Advice(
            f"Initialise the decays so that some units keep {a:.4g} per step, which leaves a tenth at lag {along.needed}; "
            f"now the slowest keeps {facts[SLOWEST]:.3g}.",
            number=a,
        ),
    )
