"""What remedies did, in words and rounded numbers: the same on the terminal and on the page."""

from collections.abc import Sequence

from bptt.presentation.formatting import counted, power_of_ten, short
from bptt.remedies import UNCHANGED, Ranking, Trial, Tried
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
    trained = [tried for tried in ranking.tried if tried.trial is not None]
    if ranking.before.trial is None:
        return f"{tries} Nothing was trained."
    updates = len(ranking.before.trial.norms)
    others = len(trained) - 1
    them = "all" if others == count else str(others)
    return f"{tries} The model as it is and {them} of them were trained for {updates} updates."


def came_out(ranking: Ranking) -> str:
    """What came out on top, against the model as it is, in numbers."""
    best, before = ranking.best, ranking.before
    if best is None:
        return "No remedy did better than the model as it is."
    there, start = judged_at([before, best]), begins_at([before, best])
    changes = []
    if best.trial is not None and before.trial is not None:
        changes.append(
            f"the loss of the trial is {loss(best.trial)}, that of the model as it is {loss(before.trial)}"
        )
    ends = [power_of_ten(tried.log10_attenuation) for tried in (before, best)]
    changes.append(
        f"the signal at {there} over that at {start} stays {ends[0]}"
        if ends[0] == ends[1]
        else f"the signal at {there} over that at {start} goes from {ends[0]} to {ends[1]}"
    )
    return f"{'; '.join(best.sentences)}. With it {', and '.join(changes)}."


def how_ranked(ranking: Ranking) -> str:
    """What the order means, in a sentence."""
    trial = ranking.before.trial
    reach = f"a gradient that is steady at {judged_at(ranking.tried)}, then the R² of the input of that lag in the state"
    if trial is None:
        return f"Ranked by {reach}. Nothing was trained."
    return (
        f"Ranked by the mean loss over the last fifth of {len(trial.norms)} updates; where losses "
        f"are within 5 %, by {reach}."
    )


def columns(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """The ranked table: heads, and a row of text per remedy."""
    there = judged_at(ranking.tried)
    heads = ["", "remedy", "verdict", f"signal at {there}", "horizon", f"R² at {there}"]
    trained = ranking.before.trial is not None
    if trained:
        bits = ranking.before.trial is not None and ranking.before.trial.unit == "bits"
        heads += ["trial loss, bits" if bits else "trial loss", "ms/update"]
    rows = []
    for number, tried in enumerate(ranking.tried, 1):
        decisive = tried.diagnosis.decisive
        row = [
            str(number),
            tried.name,
            decisive.verdict,
            power_of_ten(tried.log10_attenuation),
            horizon(decisive),
            remembered_at(tried.diagnosis.memory, decisive.needed_lag),
        ]
        rows.append(row + _trial(tried) if trained else row)
    return heads, rows


def to_set(tried: Tried) -> str:
    """What is to be set in the training, or that the change is in the network alone."""
    if not tried.changes:
        return "nothing: the change is in the network."
    return ", ".join(f"{name} = {short(value)}" for name, value in tried.changes.items())


def cost(ranking: Ranking, tried: Tried) -> str:
    """Seconds to make the change, and milliseconds per update."""
    making = "under 0.01 s to make" if tried.seconds < 0.01 else f"{tried.seconds:.2g} s to make"
    if tried.trial is None or ranking.before.trial is None:
        return f"{making}; not trained."
    own, before = 1e3 * tried.trial.seconds, 1e3 * ranking.before.trial.seconds
    return f"{making}; {own:.1f} ms per update, the model as it is {before:.1f} ms."


def why_not(name: str, why: str) -> str:
    """Why a remedy does not apply, without the remedy's name in front."""
    return why.removeprefix(f"{name}: ")


def loss(trial: Trial) -> str:
    """Four digits and the unit."""
    if trial.stopped:
        return "not finite: it broke off"
    unit = {"bits": " bits"}.get(trial.unit, "")
    return f"{trial.loss:.4g}{unit}"


def best_name(ranking: Ranking) -> str:
    """Of the remedy ranked first, or of the model as it is."""
    return UNCHANGED if ranking.best is None else ranking.best.name


def _trial(tried: Tried) -> list[str]:
    if tried.trial is None:
        return ["not trained", ""]
    shown = "broke off" if tried.trial.stopped else f"{tried.trial.loss:.4g}"
    return [shown, f"{1e3 * tried.trial.seconds:.1f}"]
