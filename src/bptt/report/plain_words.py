"""What a reader who has never seen such a report is told first, in plain words."""

import numpy as np

from bptt.diagnosis import Cause, Diagnosis, LayerDiagnosis, RecurrenceDiagnosis
from bptt.presentation.formatting import counted, power_of_ten, share_or_factor

LINEAR = "Each step back in time multiplies the error signal by what a step keeps of the state, a. "
# What each cause means, before its number is given; W_R and φ′ are named where they are explained.
CAUSES = {
    "weights": "Each step back in time multiplies the error signal by the recurrent weights, the matrix W_R. "
    "Here this changes its size most.",
    "saturation": "Each step back in time multiplies the error signal by the slope of the activation, φ′, or of the "
    "gates. Here it is small in the units that carry the signal.",
    "inputs too large": "Each step back in time multiplies the error signal by the slope of the activation, φ′, or of "
    "the gates. Here the inputs are so large that the units are saturated, and the slope is almost zero there.",
    "activation slope": "Each step back in time multiplies the error signal by the slope of the activation, φ′. "
    "Here the slope of the activation itself changes the size of the signal most.",
    "gates closed": "A gated cell carries the error signal back through a gate, past the recurrent weights. "
    "Here that gate lets it fade.",
    "non-normal transient": "Each step back in time multiplies the error signal by the recurrent weights, the "
    "matrix W_R. In the first steps they make it grow far more than they would in the long run.",
    "between the steps": "Between its steps the model changes the state: by dropout, a mask, a norm or a decay. "
    "Here this changes the size of the error signal most.",
    "layers above": "The layers above pass errors down to this one at every step. Here these add up to more than the steps of "
    "this layer alone would make of them.",
    "cancellation": "What comes from different lags points in different directions, so that most of it cancels.",
    "step": "Each step back in time multiplies the error signal by what a step makes of its state. No more is known "
    "about this recurrence, because its step is treated as a whole.",
    "decays": LINEAR + "Here that is too small for so many steps.",
    "steps too large": LINEAR
    + "Here that is exp(Δ A), where Δ is the size of a step in the time of the model: the steps are "
    "so large that the state decays within few of them.",
    "state overwritten": LINEAR
    + "Here a step overwrites what is stored under its key, so that little of the old value is "
    "left.",
    "grows": LINEAR + "Here that is above 1.",
    "state not passed on": "The state of this layer is lost between its steps, so that no error signal can go back.",
    "loss out of reach": "The loss is never taken at a step that has so long a past in this layer.",
    "none": "Each step back in time multiplies the error signal by the recurrent weights, the matrix W_R, and by "
    "the slope of the activation, φ′, or of the gates. Together they change its size by less than a factor of 100.",
}


NONE_OF_A_STEP = (
    "Each step back in time multiplies the error signal by what a step makes of its state. All steps together change its size "
    "by less than a factor of 100."
)


def answer(diagnosis: Diagnosis) -> tuple[str, str]:
    """Yes or no, and why: does the gradient reach as far back as the task needs; of the layer that decides."""
    layer = diagnosis.decisive
    horizon, needed = layer.horizon, layer.needed_lag
    word = "Yes" if layer.verdict == "steady" else "No"
    if layer.verdict == "exploding":
        return word, f"the gradient explodes: {_finding(layer)}."
    if horizon is None:
        return word, "the gradient is exactly zero and reaches nowhere."
    steps = counted(needed, "step")
    as_needed = diagnosis.needed_lag is not None and not diagnosis.too_short(layer)
    taken = "" if as_needed else f"; {_half(diagnosis)} is assumed to be needed"
    if layer.verdict == "steady" and horizon >= needed:
        steps = f"the {steps} the task needs" if as_needed else steps
        return word, f"the gradient reaches {steps}{taken}."
    if layer.verdict == "vanishing" and horizon < needed:
        steps = f"the {steps} the task needs" if as_needed else steps
        return word, f"the gradient reaches {horizon or 'none'} of {steps}{taken}."
    return word, f"{_finding(layer, ', as far as the task needs' * as_needed)}{taken}."


def _half(diagnosis: Diagnosis) -> str:
    """What the needed lag is taken to be where it is not the one that the user named."""
    alike = {(each.needed_lag, each.profile.first_lag) for each in diagnosis.layers.values()}
    layer = diagnosis.decisive
    whole = diagnosis.needed_lag is None and len(alike) == 1 and not layer.profile.first_lag
    return "half the sequence" if whole else f"half of the steps of {layer.name}"


def _finding(layer: RecurrenceDiagnosis, aside: str = "") -> str:
    """What becomes of the error signal on its way, without a symbol; ``aside`` is what is said of the lag."""
    needed, share = counted(layer.needed_lag, "step"), share_or_factor(layer.log10_attenuation)
    if layer.verdict == "exploding":
        growth = layer.profile.log10_growth
        peak = int(np.argmax(growth))
        grown = power_of_ten(float(growth[peak]))
        return (
            f"the error signal grows to {grown} times its size {counted(peak, 'step')} back in time"
        )
    if layer.log10_attenuation == -np.inf:
        return f"no error signal comes {needed} back in time{aside}"
    if layer.verdict == "vanishing":
        return f"{needed} back{aside}, {share} of the error signal is left"
    if layer.log10_attenuation > 0:
        return f"{needed} back{aside}, the error signal is {share} as large as at the start"
    return f"{needed} back{aside}, {share} of the error signal is still there"


def meaning(layer: RecurrenceDiagnosis) -> str:
    """What follows from it for a step of training; what will be learnt, the gradient of today does not say."""
    needed = counted(layer.needed_lag, "step")
    who, when = "the network", f"{needed} ago"
    if layer.name.endswith(".backward"):  # its past is the rest of the sequence
        who, when = "the backward direction", f"{needed} further on in the sequence"
    if layer.verdict == "vanishing":
        say = "no" if layer.log10_attenuation == -np.inf else "almost no"
        return f"What {who} saw {when} has {say} influence on how its weights change now."
    if layer.verdict == "exploding":
        return "The distant past drowns out the recent past, and one training step can throw the weights far off."
    return f"What {who} saw {when} still influences how its weights change now."


def why(cause: Cause, by_its_step: bool = False) -> str:
    """The cause in words, without its number.

    Args:
        cause: of the verdict.
        by_its_step: whether the recurrence is known by its step alone, so that there is no W_R to name.
    """
    if cause.name == "none" and by_its_step:
        return NONE_OF_A_STEP
    return CAUSES[cause.name]


def key_numbers(stages: list[tuple[str, Diagnosis]]) -> list[tuple[str, str, str]]:
    """(name, value, what it is) of the three numbers that the verdict is made of."""
    judged = stages[-1][1]
    layer = judged.decisive
    reach = (
        f"The gradient of {_of(layer)} is exactly zero."
        if layer.horizon is None
        else f"95 % of the gradient of {_of(layer)} comes from there or from closer."
    )
    if len(stages) > 1:
        stage, diagnosis = stages[0]
        reach += f" {stage.capitalize()}: {_steps_back(diagnosis.layers[layer.name].horizon)}."
    first = layer.profile.first_lag
    start = (
        "where the error is made"
        if not first
        else f"{counted(first, 'step')} back, where it enters this layer"
    )
    return [
        ("The gradient reaches", _steps_back(layer.horizon), reach),
        (
            "Judged at" if judged.too_short(layer) else "The task needs",
            f"{counted(layer.needed_lag, 'step')} back",
            judged.assumed[0],
        ),
        (
            f"Signal {counted(layer.needed_lag, 'step')} back",
            power_of_ten(layer.log10_attenuation),
            f"As a part of its size {start}. Below 0.01 it vanishes, above 100 it explodes.",
        ),
    ]


def _steps_back(lag: int | None) -> str:
    return "nowhere" if lag is None else f"{counted(lag, 'step')} back"


def _of(layer: RecurrenceDiagnosis) -> str:
    return "the recurrent weights" if isinstance(layer, LayerDiagnosis) else layer.profile.of
