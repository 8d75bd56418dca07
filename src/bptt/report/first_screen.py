"""What a reader who has never seen such a report is told first, in plain words."""

import numpy as np

from bptt.diagnosis import Cause, Diagnosis, LayerDiagnosis
from bptt.diagnosis.verdict import LOG10_VANISHED
from bptt.report.sentences import power_of_ten

# What each cause means, before its number is given; W_R and φ′ are named where they are explained.
CAUSES = {
    "weights": "Each step back in time multiplies the error signal by the recurrent weights, the matrix W_R. "
    "Here this changes its size most.",
    "saturation": "Each step back in time multiplies the error signal by the slope of the activation, φ′. "
    "Here it is small where the units work.",
    "activation slope": "Each step back in time multiplies the error signal by the slope of the activation, φ′. "
    "Here it is this slope, as the activation has it, that changes the size of the signal most.",
    "gates closed": "A gated cell carries the error signal back through a gate, past the recurrent weights. "
    "Here that gate lets it fade.",
    "non-normal transient": "Each step back in time multiplies the error signal by the recurrent weights, the "
    "matrix W_R. Repeated often they would shrink it; at first they make it grow.",
    "cancellation": "What comes from different lags points in different directions, so that most of it cancels.",
    "loss out of reach": "No error is made late enough in the sequences to have so long a past.",
    "none": "Each step back in time multiplies the error signal by the recurrent weights, the matrix W_R, and by "
    "the slope of the activation, φ′. Together they change its size by less than a factor of 100.",
}


def opening(layer: LayerDiagnosis) -> str:
    """The finding, in one sentence without a symbol."""
    needed, share = steps(layer.needed_lag), part(layer.log10_attenuation)
    if layer.verdict == "exploding":
        growth = layer.profile.log10_growth
        peak = int(np.argmax(growth))
        grown = power_of_ten(float(growth[peak]))
        return f"the error signal grows to {grown} times its size on its way {steps(peak)} back in time."
    if layer.log10_attenuation == -np.inf:
        return f"no error signal comes {needed} back in time."
    if layer.verdict == "vanishing":
        return f"{needed} back, {share} of the error signal is left."
    if layer.log10_attenuation > 0:
        return f"{needed} back, the error signal is {share} as large as at the start."
    return f"{needed} back, {share} of the error signal is still there."


def meaning(layer: LayerDiagnosis) -> str:
    """What follows from it for learning."""
    needed = steps(layer.needed_lag)
    if layer.verdict == "vanishing":
        return (
            f"What the network saw {needed} ago has next to no say in how its weights change, so it will hardly "
            "learn from it."
        )
    if layer.verdict == "exploding":
        return "What lies far back drowns what lies near, and a step of training can throw the weights far off."
    return (
        f"As far as the gradient is concerned, the network can learn from what it saw {needed} ago."
    )


def why(cause: Cause) -> str:
    """The cause in words, without its number."""
    return CAUSES[cause.name]


def key_numbers(stages: list[tuple[str, Diagnosis]]) -> list[tuple[str, str, str]]:
    """(name, value, what it is) of the three numbers that the verdict is made of."""
    judged = stages[-1][1]
    layer = judged.decisive
    before = ""
    if len(stages) > 1:
        stage, diagnosis = stages[0]
        before = f" {stage.capitalize()}: {steps(diagnosis.layers[layer.name].horizon)}."
    return [
        (
            "The gradient reaches",
            f"{steps(layer.horizon)} back",
            f"95 % of the gradient of the recurrent weights comes from there or nearer.{before}",
        ),
        ("The task needs", f"{steps(layer.needed_lag)} back", judged.assumed[0]),
        (
            f"Signal {steps(layer.needed_lag)} back",
            power_of_ten(layer.log10_attenuation),
            "As a part of its size where the error is made. Below 0.01 it vanishes, above 100 it explodes.",
        ),
    ]


def part(log10: float) -> str:
    """10^log10 of something, as it is said aloud: 56 %, one part in 29,000, 3.8 times."""
    if log10 > 0:
        return f"{power_of_ten(log10)} times"
    if log10 >= LOG10_VANISHED:
        return f"{float(f'{100 * 10**log10:.2g}'):g}\N{NO-BREAK SPACE}%"
    if log10 < -6:
        return "less than a millionth"
    return f"one part in {float(f'{10**-log10:.2g}'):,.0f}"


def steps(count: int) -> str:
    """A number of them, counted."""
    return "1 step" if count == 1 else f"{count} steps"
