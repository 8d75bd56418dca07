"""What the charts of remedies show, in a sentence, and their numbers."""

from collections.abc import Callable

import numpy as np

from bptt.arrays import Array
from bptt.diagnosis import Diagnosis
from bptt.presentation.figure import Table
from bptt.presentation.formatting import power_of_ten, two_decimals
from bptt.remedies import UNCHANGED, Ranking
from bptt.report.charts.tables import COLUMNS, some
from bptt.report.remedies.charts import curve_of_memory, curve_of_norms, redrawn
from bptt.report.remedies.race_chart import ratio
from bptt.report.remedies.sentences import begins_at, judged_at
from bptt.report.sentences import remembered_at


def gradients(ranking: Ranking) -> str:
    """Which remedy carries the signal best to the needed lag, against the model as it is."""
    before = ranking.before
    changed = redrawn(ranking)
    there, start = judged_at([before, *changed]), begins_at([before, *changed])
    steady = sum(each.diagnosis.decisive.verdict == "steady" for each in changed)
    nearest = min(changed, key=lambda each: abs(each.log10_attenuation))
    return (
        f"{steady} of {len(changed)} {'is' if len(changed) == 1 else 'are'} steady. At {there} the unchanged model "
        f"has {power_of_ten(before.log10_attenuation)} of the signal at {start}; {nearest.name} comes nearest to 1, "
        f"with {power_of_ten(nearest.log10_attenuation)}."
    )


def memories(ranking: Ranking) -> str:
    """Which remedy remembers the needed lag best."""
    before = ranking.before
    needed = before.diagnosis.decisive.needed_lag
    measured = [each for each in redrawn(ranking) if np.isfinite(each.remembered)]
    own = remembered_at(before.diagnosis.memory, needed)
    if not measured:
        return f"At lag {needed} it was not measured."
    best = max(measured, key=lambda each: each.remembered)
    value = remembered_at(best.diagnosis.memory, needed)
    if own == value == "0.00":
        return f"No single input of lag {needed} can be read off the state, with any of them or without."
    return f"At lag {needed} R² of the unchanged model is {own}; the highest is that of {best.name}, {value}."


def race(ranking: Ranking) -> str:
    """Who learnt something, and the model as it is."""
    ended = [
        (ratio(each.prognosis.measured[-1]), each.name)
        for each in ranking.tried
        if each.prognosis is not None and len(each.prognosis.measured) > 1 and not each.prognosis.diverged
    ]  # fmt: skip
    broke = sum(each.prognosis is not None and each.prognosis.diverged for each in ranking.tried)
    sentences = [f"{len(ended)} were measured" + (f", {broke} broke off" if broke else "")]
    if ended:
        least, name = min(ended)
        sentences.append(
            f"The lowest held-out loss is that of {name}, {least:.2g} of what it is without the past"
        )
    own = [value for value, name in ended if name == UNCHANGED]
    if own:
        sentences.append(f"The unchanged model has {own[0]:.2g}")
    return ". ".join(sentences) + "."


def gradients_table(ranking: Ranking) -> Table:
    """‖G_k‖ at some lags: a row per remedy."""
    return _by_lag(ranking, curve_of_norms, power_of_ten)


def memories_table(ranking: Ranking) -> Table:
    """R² at some lags: a row per remedy."""
    return _by_lag(ranking, curve_of_memory, two_decimals)


def race_table(ranking: Ranking) -> Table:
    """The held-out loss at the end of every round: a row per remedy."""
    curves = [
        (each.name, {m.update: m.loss for m in each.prognosis.measured})
        for each in ranking.tried
        if each.prognosis is not None
    ]
    updates = sorted({update for _, losses in curves for update in losses})
    return Table(
        ("", *(f"update {update}" for update in updates)),
        tuple(
            (name, *(f"{losses[update]:.4g}" if update in losses else "" for update in updates))
            for name, losses in curves
        ),
    )


def _by_lag(
    ranking: Ranking, curve: Callable[[Diagnosis], Array], written: Callable[[float], str]
) -> Table:
    before = ranking.before
    curves = [(each.name, curve(each.diagnosis)) for each in (before, *redrawn(ranking))]
    last = max(len(values) for _, values in curves) - 1
    lags = some(last, COLUMNS, extra=(before.diagnosis.decisive.needed_lag,))
    return Table(
        ("", *(f"lag {k}" for k in lags)),
        tuple(
            (name, *(written(float(values[k])) if k < len(values) else "" for k in lags))
            for name, values in curves
        ),
    )
