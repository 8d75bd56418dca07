"""The tables of the prognosis: how well it orders networks, calls them, and how often its probability is right."""

from functools import cache

import numpy as np
from benchmarks.tables import markdown

from bptt.prognoses import LEARNT, Prognosis
from bptt.prognoses.calibration import MARKS, calibration
from experiments.ahead import POINTS, measured_of
from experiments.calibration import fit, fit_without_own
from experiments.foretold import (
    balanced_accuracy,
    calibration_error,
    foretold,
    learnt,
    lowest,
    places,
    reached,
    reads_text,
    reliability,
)
from experiments.ranks import spearman
from experiments.running import stored
from experiments.works import needed_lag

PARTS = POINTS[2:]
ADDING, SLOW = "(a), adding", ("textures", "faces", "arrow_head", "osuleaf")
NOISY = ("names", "plaid", "trace", "order3")
HEAD = [
    "",
    "networks",
    "learnt",
    "to half",
    "rank correlation",
    "balanced accuracy",
    "calibration error",
]


def group_of(run):
    """Of the development set: those of (a), the twelve kinds on eight tasks, and so on; or the others."""
    kind = run["work"].split()[0]
    if kind == "adding" and run["hidden"] == 100:
        return ADDING
    if kind in SLOW:
        return "learnt slowly or in part"
    if kind in NOISY:
        return "names, appliances and others"
    if run["hidden"] == 50 and run["updates"] == 2000:
        return "gates that carry, adding"
    return "twelve kinds, eight tasks" if run["updates"] == 1500 else "further ones"


def _counts(label, runs):
    """How many there are, how many learnt, and how many came down to half of the best constant's loss."""
    left = np.array([lowest(run) for run in runs])
    return [label, str(len(runs)), *(str((left <= mark).sum()) for mark in (LEARNT, MARKS[-1]))]


def _row(label, some, fits):
    """One row from what is foretold of some networks, each by its own fit."""
    runs, solved = [one.run for one in some], [one.solved for one in some]
    p = [one.chance(own) for one, own in zip(some, fits, strict=True)]
    score = [one.score(own) for one, own in zip(some, fits, strict=True)]
    rho = spearman(np.maximum(score, -1e9), places([learnt(run) for run in runs]))
    accuracy = balanced_accuracy(solved, [x > 0.5 for x in p])
    numbers = (rho, accuracy, calibration_error(p, solved))
    return [*_counts(label, runs), *(f"{number:.2f}" for number in numbers)]


def _twins(label, runs):
    """The ceiling: the same initial network, trained in full on other data."""
    some = [
        run | {"twin at": run["twin"][0], "twin loss": run["twin"][1]}
        for run in runs
        if "twin" in run
    ]
    if not some:
        return []
    twins = [learnt(run, "twin at", "twin loss") for run in some]
    rho = spearman(places(twins), places([learnt(run) for run in some]))
    solved, twin = (
        [lowest(run) <= LEARNT for run in runs]
        for runs in (some, [_as_its_twin(run) for run in some])
    )
    accuracy = balanced_accuracy(solved, twin)
    return [[*_counts(label, some), f"{rho:.2f}", f"{accuracy:.2f}", ""]]


def _as_its_twin(run):
    return run | {"loss": run["twin loss"], "solved": run["twin at"] is not None}


def _before(label, runs):
    """The signal at the needed lag before training."""
    signal = [max(measured_of(run["ahead"][0]).log10_attenuation, -300) for run in runs]
    rho = spearman(signal, places([learnt(run) for run in runs]))
    return [*_counts(label, runs), f"{rho:.2f}", "", ""]


def development(result):
    """Every group at every part, by fits that saw no network of the same kind of work."""
    runs, rows = result["runs"], []
    fitted = {}
    for part in PARTS:
        every = [foretold(run, part) for run in runs]
        fitted[part] = list(zip(every, fit_without_own(every), strict=True))
    for name in dict.fromkeys(map(group_of, runs)):
        group = [run for run in runs if group_of(run) == name]
        rows.append(_before(f"{name}: signal before training", group))
        for part in PARTS:
            own = [pair for pair in fitted[part] if group_of(pair[0].run) == name]
            rows.append(_row(f"{name}: after {100 * part:g} %", *zip(*own, strict=True)))
        for work in dict.fromkeys(run["work"] for run in group) if name == ADDING else ():
            some = [pair for pair in own if pair[0].run["work"] == work]
            rows.append(_row(f"{work}, 100 units: after 10 %", *zip(*some, strict=True)))
        some = [one for one, _ in own]
        rows.append(_row(f"{name}: after 10 %, the shipped fit", some, [calibration()] * len(some)))
        rows += _twins(f"{name}: twin trained in full", group)
    return markdown(HEAD, rows)


@cache
def fit_at(part):
    """The fit on the development set after a part of the budget; the library's own after a tenth."""
    if part == POINTS[-1] or not stored("development"):
        return calibration()
    return fit([foretold(run, part) for run in stored("development")["runs"]])


def marked(result):
    """The held-out networks that can learn or not; text has no mark."""
    return [run for run in result["runs"] if not reads_text(run)]


def held_out(result):
    """All, at every part of the budget; then by kind of work after a tenth."""
    runs = marked(result)
    rows = [_before("all: signal before training", runs)]
    for part in PARTS:
        some = [foretold(run, part) for run in runs]
        rows.append(_row(f"all: after {100 * part:g} %", some, [fit_at(part)] * len(some)))
    rows += _twins("all: twin trained in full", runs)
    for work in dict.fromkeys(run["work"] for run in runs):
        some = [foretold(run) for run in runs if run["work"] == work]
        rows.append(_row(f"{work}: after 10 %", some, [calibration()] * len(some)))
    return markdown(HEAD, rows)


def diagram(result):
    """The reliability diagram: of the networks with such a probability, how many learnt."""
    some = [foretold(run) for run in marked(result)]
    rows = [
        [f"{p:.2f}", f"{part:.2f}", str(n), "█" * round(20 * part) or "▏"]
        for p, part, n in reliability(
            [one.chance(calibration()) for one in some], [one.solved for one in some]
        )
    ]
    return markdown(["mean probability", "part that learnt", "networks", ""], rows)


def prognosis_of(run):
    """The library's prognosis of a stored network."""
    seen = tuple(
        measured_of(run["ahead"][i]) for i in (0, -2, -1) if len(run["ahead"]) >= len(POINTS)
    )
    losses = (run["trained"][-1],) * seen[-1].update if seen else ()
    return Prognosis(
        needed_lag(run["work"]), run["updates"], seen, losses, diverged=bool(run["broke_off"]),
        epoch=np.inf if run["epoch"] is None else run["epoch"],
    )  # fmt: skip


def calls(result):
    """What the verdict said, and what came."""
    runs = marked(result)
    verdicts = [prognosis_of(run).verdict for run in runs]
    rows = []
    for verdict in ("will learn", "cannot tell", "will not learn"):
        some = [run for run, own in zip(runs, verdicts, strict=True) if own == verdict]
        solved = sum(lowest(run) <= LEARNT for run in some)
        rows.append([verdict, str(len(some)), str(solved), str(len(some) - solved)])
    return markdown(["verdict after 10 %", "networks", "learnt", "did not"], rows)


def misses(result):
    """Every network that can learn or not whose verdict was wrong."""
    return _misses(marked(result))


def misses_of_adding(result):
    """The same of (a)."""
    return _misses([run for run in result["runs"] if group_of(run) == ADDING])


def _misses(runs):
    """Those of a kind of work in one row.

    Behind each its probability, and at which part of the budget it learnt or how much of the constant's loss was left.
    """
    wrong = {}
    for run in runs:
        prognosis = prognosis_of(run)
        solved = lowest(run) <= LEARNT
        if {"will learn": not solved, "will not learn": solved}.get(prognosis.verdict):
            layers = "2 × " if run["layers"] > 1 else ""
            line = f"{run['kind']}, {layers}{run['hidden']} ({prognosis.probability:.2f}; {_came(run)})"
            wrong.setdefault((run["work"], prognosis.verdict), []).append(line)
    rows = [
        [work, verdict, str(len(networks)), "; ".join(networks)]
        for (work, verdict), networks in wrong.items()
    ]
    return markdown(["work", "verdict", "wrong", "networks"], rows)


def _came(run):
    if run["loss"] is None:
        return "broke off"
    at = reached(run, LEARNT)
    return f"{run['loss'] / run['constant']:.0%} left" if at is None else f"after {at:.0%}"


def text(result):
    """Networks that read text, by what they reach."""
    runs = sorted(
        (run for run in result["runs"] if reads_text(run)),
        key=lambda run: run["loss"],
    )
    some = [foretold(run) for run in runs]
    scores = [one.score(calibration()) for one in some]
    rows = [
        [run["kind"], str(run["hidden"]), f"{measured_of(run['ahead'][-1]).loss:.2f}", f"{score:.1f}", f"{run['loss']:.2f}"]
        for run, score in zip(runs, scores, strict=True)
    ]  # fmt: skip
    early = [-measured_of(run["ahead"][-1]).loss for run in runs]
    reached = [-run["loss"] for run in runs]
    rows.append(["rank correlation with what is reached", "", f"{spearman(early, reached):.2f}",
                 f"{spearman(scores, reached):.2f}", ""])  # fmt: skip
    head = ["network", "units", "bits after 10 %", "score", "bits at the end"]
    return markdown(head, rows)


def cost(result):
    """Of a look ahead with its measuring, as a part of the whole training's time; per kind of work the mean."""
    rows = []
    for work in dict.fromkeys(run["work"] for run in result["runs"]):
        some = [run for run in result["runs"] if run["work"] == work and run.get("seconds")]
        whole = [run["seconds"] * run["updates"] / run["curve"][-1][0] for run in some]
        looked = [run["ahead_seconds"] for run in some]
        rows.append([
            work, str(len(some)), f"{np.mean(whole):.1f} s", f"{np.mean(looked):.1f} s",
            f"{np.sum(looked) / np.sum(whole):.0%}",
        ])  # fmt: skip
    return markdown(["work", "networks", "training", "look ahead", "part"], rows)


def marks(result):
    """How often the chance of every mark is right, after a tenth of the budget."""
    some = [foretold(run) for run in marked(result)]
    rows = []
    for mark in MARKS:
        came = [one.came(mark) for one in some]
        p = [one.chance(calibration(), mark) for one in some]
        accuracy = balanced_accuracy(came, [x > 0.5 for x in p])
        rows.append([
            f"{mark:.0%}", f"{np.mean(came):.0%}", f"{np.mean(p):.0%}", f"{accuracy:.2f}", f"{calibration_error(p, came):.2f}",
        ])  # fmt: skip
    head = [
        "down to",
        "networks that came",
        "mean chance",
        "balanced accuracy",
        "calibration error",
    ]
    return markdown(head, rows)


def rivals(result):
    """Other models on the same numbers, a row each."""
    sets = {"development": "development set", "held_out": "(g)", "unseen": "(g), unseen"}
    rows = [
        [run["model"], *(" / ".join(f"{run[name][of]:.2f}" for of in ("rank", "balanced", "calibration")) for name in sets)]
        for run in result["runs"]
    ]  # fmt: skip
    return markdown(["", *sets.values()], rows)


TABLES = {
    "foretold development": development, "misses adding": misses_of_adding, "foretold": held_out, "reliability": diagram,
    "calls": calls, "misses": misses, "foretold text": text, "cost": cost,
    "foretold unseen": held_out, "reliability unseen": diagram, "calls unseen": calls, "misses unseen": misses,
    "marks": marks, "marks unseen": marks, "rivals": rivals,
}  # fmt: skip
