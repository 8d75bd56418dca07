"""The report of remedies as one HTML file."""

from typing import TYPE_CHECKING

from bptt.remedies import UNCHANGED
from bptt.report.charts import Figure, figure, remedies_said
from bptt.report.charts.remedies import DECADES, gradients, leaves_frame, memories, redrawn, trials
from bptt.report.remedies_words import (
    best_name,
    came_out,
    columns,
    cost,
    done,
    how_ranked,
    to_set,
    why_not,
)
from bptt.report.template import drawable, rendered

if TYPE_CHECKING:
    from bptt.report.remedies import RemedyReport


def page(report: "RemedyReport") -> str:
    """The whole file as text."""
    heads, rows = columns(report)
    verdicts = [tried.diagnosis.decisive.verdict for tried in report.tried]
    remedies = [
        {
            "tried": tried,
            "training": to_set(tried),
            "cost": cost(report, tried),
            "stopped": tried.trial.stopped if tried.trial is not None else None,
        }
        for tried in report.tried
        if tried.name != UNCHANGED
    ]
    charts = [drawable(each) for each in figures(report)]
    return rendered(
        "remedies.html.j2",
        charts,
        title=report.title,
        facts=report.facts,
        first=best_name(report),
        came_out=came_out(report),
        done=done(report),
        how_ranked=how_ranked(report),
        tone=verdicts[0],
        heads=heads,
        rows=list(zip(rows, verdicts, strict=True)),
        unchanged=UNCHANGED,
        figures=charts,
        remedies=remedies,
        refused=[(name, why_not(name, why)[len(name) + 2 :]) for name, why in report.refused],
    )


def figures(report: "RemedyReport") -> list[Figure]:
    """The gradient by lag and the memory before and after, and the trials."""
    needed = report.before.diagnosis.decisive.needed_lag
    layers = len(report.before.diagnosis.layers)
    alone = [tried.name for tried in report.tried if tried.changes]
    same = (
        f" Not shown, because they change the training alone: {', '.join(alone)}." if alone else ""
    )
    several = " Of several layers it is the one that the verdict is about." if layers > 1 else ""
    outside = (
        f" Where a curve leaves the frame it is off by more than a factor of 1e{DECADES} from lag 0 of the grey one."
        if leaves_frame(report.tried)
        else ""
    )
    small = "the batch is too small to fit it."
    if not redrawn(report.tried):
        small = "every remedy changes the training alone."
    return [
        figure(
            "gradients", "Gradient by lag, before and after",
            "The size of the part of dW_R from k steps back, on a log scale: grey and dashed the model as it is, blue with "
            f"the remedy, in the order of the table. The dotted rule marks the lag that is needed.{several}{outside}{same}",
            gradients(report.tried),
            lambda: remedies_said.gradients(report.tried),
            lambda: remedies_said.gradients_table(report.tried),
            "every remedy changes the training alone, or every value is zero.",
        ),
        figure(
            "memories", "What the state remembers, before and after",
            "R² of the input of k steps ago, read linearly off the state of sequences that it was not fitted to. "
            f"Where the curve is 0 at lag {needed}, no single input of then can be read off; a sum of many still may be.",
            memories(report.tried),
            lambda: remedies_said.memories(report.tried),
            lambda: remedies_said.memories_table(report.tried),
            small,
        ),
        figure(
            "trials", "A short training",
            "The loss on the batches of every trial, each point a mean of the steps since the one before: grey "
            "the model as it is. A low loss early says that the change helps this training, not where it ends. "
            "A cross marks where a training broke off. Losses over a hundred times that of the model as it is are "
            "above the frame.",
            trials(report.tried),
            lambda: remedies_said.trials(report.tried),
            lambda: remedies_said.trials_table(report.tried),
            "nothing was trained."
            if report.before.trial is None
            else "no trial came as far as a step with a finite loss.",
        ),
    ]  # fmt: skip
