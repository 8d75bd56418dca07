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
        f"{steady} of {len(changed)} {'is' if len(changed) == 1 else 'are'} steady. At {there} the model as it is "
        f"has {power_of_ten(before.log10_attenuation)} of the signal at {start}; nearest to 1 comes {nearest.name}, "
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
        return f"No single input of lag {needed} can be read off the state, with any of them or as it is."
    return f"At lag {needed} R² of the model as it is is {own}; the highest is that of {best.name}, {value}."


def trials(ranking: Ranking) -> str:
    """The lowest and the unchanged model's loss."""
    ended = [
        (each.trial.loss, each.name)
        for each in ranking.tried
        if each.trial is not None and np.isfinite(each.trial.loss) and not each.trial.stopped
    ]
    broke = sum(each.trial is not None and bool(each.trial.stopped) for each in ranking.tried)
    sentences = [f"{len(ended)} finished" + (f", {broke} broke off" if broke else "")]
    if ended:
        loss, name = min(ended)
        sentences.append(f"The lowest loss is that of {name}, {loss:.4g}")
    own = [loss for loss, name in ended if name == UNCHANGED]
    if own:
        sentences.append(f"The model as it is has {own[0]:.4g}")
    return ". ".join(sentences) + "."


def gradients_table(ranking: Ranking) -> Table:
    """‖G_k‖ at some lags: a row per remedy."""
    return _by_lag(ranking, curve_of_norms, power_of_ten)


def memories_table(ranking: Ranking) -> Table:
    """R² at some lags: a row per remedy."""
    return _by_lag(ranking, curve_of_memory, two_decimals)


def trials_table(ranking: Ranking) -> Table:
    """The loss at some updates: a row per trial."""
    curves = [
        (each.name, dict(each.trial.history)) for each in ranking.tried if each.trial is not None
    ]
    updates = sorted({update for _, losses in curves for update in losses})
    places = np.unique(np.linspace(0, len(updates) - 1, COLUMNS).round().astype(int))
    updates = [updates[i] for i in places]
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
