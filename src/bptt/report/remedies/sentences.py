"""What remedies did, in words and rounded numbers: the same on the terminal and on the page."""

from collections.abc import Sequence

import numpy as np

from bptt.presentation.formatting import counted, power_of_ten, short
from bptt.prognoses import Prognosis
from bptt.remedies import UNCHANGED, Race, Ranking, Tried
from bptt.report.prognosis.sentences import probability
from bptt.report.sentences import horizon, remembered_at


def judged_at(tried: Sequence[Tried]) -> str:
    """The lag that verdicts are about: "lag 15", or where layers of other lengths decide "the needed lag"."""
    lags = {each.diagnosis.decisive.needed_lag for each in tried}
    return f"lag {lags.pop()}" if len(lags) == 1 else "the needed lag"


def begins_at(tried: Sequence[Tried]) -> str:
    """The lag that signals are compared with: "lag 0", or "the first lag" where it is not one for all."""
    lags = {each.diagnosis.decisive.profile.first_lag for each in tried}
    return f"lag {lags.pop()}" if len(lags) == 1 else "the first lag"


def done(ranking: Ranking) -> str:
    """What was tried, in a sentence or two."""
    count = len(ranking.tried) - 1
    were = "was" if count == 1 else "were"
    tries = (
        f"{counted(count, 'remedy', 'remedies')} {were} tried, each on a copy of the model, measured on the same "
        "batch."
    )
    race = ranking.race
    if race is None:
        return f"{tries} Nothing was trained."
    return f"{tries} {_raced(race)}"


def no_trial(ranking: Ranking) -> str | None:
    """That nothing was trained and why, where it was wanted; else None."""
    return None if ranking.no_trial is None else f"No trial: {ranking.no_trial}"


def _raced(race: Race) -> str:
    """How the race went, in a sentence or two."""
    to = {each.candidates: each.depth for each in race.rounds}  # the last round of so many
    first, *later = to
    who = {1: "It", 2: "Both"}.get(first, f"All {first}")
    went_on = [f"the best {count} went on to {to[count]}" for count in later]
    sentence = (
        f"{', '.join([f'{who} trained for {to[first]:,} updates', *went_on])}, together with the unchanged model. "
        f"They were judged on held-out data. The race made {race.updates:,} updates and took as long as "
        f"{race.time:,} updates of the unchanged model."
    )
    return sentence if race.stopped is None else f"{sentence} {race.stopped}"


def came_out(ranking: Ranking) -> str:
    """What came out on top, against the model as it is."""
    best, before = ranking.best, ranking.before
    own = before.prognosis
    if best is None:
        return f"No remedy did better than the unchanged model.{_of_the_model(own)}"
    changes = _capital("; ".join(best.sentences))
    there, start = judged_at([before, best]), begins_at([before, best])
    if best.prognosis is None or own is None:
        ends = [power_of_ten(tried.log10_attenuation) for tried in (before, best)]
        goes = f"stays {ends[0]}" if ends[0] == ends[1] else f"goes from {ends[0]} to {ends[1]}"
        return (
            f"{changes}. With it the signal at {there} over that at {start} {goes}. Whether the network learns with it "
            "was not tried."
        )
    if best.prognosis.verdict == "will not learn":
        return (
            f"None of the remedies is expected to be enough. {best.name} comes nearest: with it the network "
            f"{outlook(best.prognosis)}; unchanged it {outlook(own)}."
        )
    return f"{changes}. With it the network {outlook(best.prognosis)}; unchanged it {outlook(own)}."


def _of_the_model(own: Prognosis | None) -> str:
    return "" if own is None else f" It {outlook(own)}."


def outlook(prognosis: Prognosis) -> str:
    """What is expected of a network, as the end of a sentence: "will learn lag 50 within 2,000 updates (93 %)"."""
    goal = f"lag {prognosis.needed_lag} within {prognosis.budget:,} updates"
    if prognosis.diverged:
        return f"will not learn {goal}: its training broke off"
    if np.isnan(prognosis.probability):
        return f"was not trained for long enough to tell whether it learns {goal}"
    if prognosis.learnt:
        return f"has begun to learn lag {prognosis.needed_lag} after {prognosis.measured[-1].update} updates"
    if not prognosis.settled:
        return f"may or may not learn {goal} (when the look ahead ended, its output was still settling on its mean)"
    sure = probability(prognosis)
    if prognosis.verdict == "will learn":
        step = prognosis.expected_step
        about = f", about update {step:,}" if step is not None else ""
        return f"will learn {goal} (probability {sure}{about})"
    missing = f"; what is missing is {prognosis.missing}" if prognosis.missing else ""
    if prognosis.verdict == "will not learn":
        return f"will not learn {goal} (probability {sure}{missing})"
    return f"may or may not learn {goal} (probability {sure}{missing})"


def how_ranked(ranking: Ranking) -> str:
    """What the order means, in a sentence or two."""
    there = judged_at(ranking.tried)
    if ranking.race is None:
        return (
            f"Ranked by whether the gradient is steady at {there}, then by the R² of the input of that lag in the state. "
            "How far a gradient reaches before training does not decide what is learnt."
        )
    return (
        "Ranked by the prognosis on held-out data: first the round that was reached, then the probability. A remedy "
        f"whose signal at {there} is still below 0.01, and which does not learn all the same, is ranked last."
    )


def columns(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """The ranked table: heads, and a row of text per remedy. The third column has a tone, see ``tones``."""
    there = judged_at(ranking.tried)
    if ranking.race is None:
        heads = ["", "remedy", "verdict", f"signal at {there}", "horizon", f"R² at {there}"]
        return heads, [_measured_row(n, tried) for n, tried in enumerate(ranking.tried, 1)]
    unit = "".join({f", {each.prognosis.unit}" for each in ranking.tried if each.prognosis and each.prognosis.unit == "bits"})  # fmt: skip
    heads = [
        "", "remedy", "outlook", "chance", "missing", f"held-out loss{unit}", f"signal at {there}", "updates",
    ]  # fmt: skip
    return heads, [_raced_row(n, tried) for n, tried in enumerate(ranking.tried, 1)]


def _measured_row(number: int, tried: Tried) -> list[str]:
    decisive = tried.diagnosis.decisive
    return [
        str(number),
        tried.name,
        decisive.verdict,
        power_of_ten(tried.log10_attenuation),
        horizon(decisive),
        remembered_at(tried.diagnosis.memory, decisive.needed_lag),
    ]


def _raced_row(number: int, tried: Tried) -> list[str]:
    prognosis = tried.prognosis
    if prognosis is None or np.isnan(prognosis.probability):
        return [
            str(number),
            tried.name,
            "not raced",
            "",
            "",
            "",
            power_of_ten(tried.log10_attenuation),
            "0",
        ]
    if prognosis.diverged:
        sure = ["broke off", "", "", ""]
    else:
        word = "learns" if prognosis.learnt else prognosis.verdict
        sure = [
            word,
            probability(prognosis),
            prognosis.missing or "",
            f"{prognosis.measured[-1].loss:.4g}",
        ]
    left = (
        prognosis.measured[-1].log10_attenuation if prognosis.measured else tried.log10_attenuation
    )
    return [str(number), tried.name, *sure, power_of_ten(left), f"{len(prognosis.losses):,}"]


def tones(ranking: Ranking) -> list[str]:
    """The tone of each row: of the outlook, or of the verdict where nothing was trained."""
    return [
        tried.diagnosis.decisive.verdict if tried.prognosis is None else tried.prognosis.verdict
        for tried in ranking.tried
    ]


def to_set(tried: Tried) -> str:
    """What is to be set in the training, or that the change is in the network alone."""
    if not tried.changes:
        return "nothing: the change is in the network."
    return ", ".join(f"{name} = {_value(value)}" for name, value in tried.changes.items())


def _value(value: object) -> str:
    return short(value) if isinstance(value, int | float | str) else repr(value)


def expected(tried: Tried) -> str:
    """What the look ahead says of one remedy, a sentence."""
    if tried.prognosis is None:
        return "Nothing was trained."
    return f"It {outlook(tried.prognosis)}."


def cost(tried: Tried) -> str:
    """Seconds to make the change, and the updates that it raced."""
    making = "under 0.01 s to make" if tried.seconds < 0.01 else f"{tried.seconds:.2g} s to make"
    if tried.prognosis is None:
        return f"{making}; not trained."
    return f"{making}; raced for {counted(len(tried.prognosis.losses), 'update')}."


def why_not(name: str, why: str) -> str:
    """Why a remedy does not apply, without the remedy's name in front."""
    return why.removeprefix(f"{name}: ")


def stopped(tried: Tried) -> str | None:
    """Why its training broke off, or None."""
    return None if tried.prognosis is None else tried.prognosis.stopped


def best_name(ranking: Ranking) -> str:
    """Of the remedy ranked first, or of the model as it is."""
    return UNCHANGED if ranking.best is None else ranking.best.name


def _capital(sentence: str) -> str:
    """A first letter that is a symbol stays as it is."""
    return sentence if sentence[:2] in ("b ", "W_") else sentence[:1].upper() + sentence[1:]
