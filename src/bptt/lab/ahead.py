"""The look ahead of the page: the sliders' network, trained a while on its task, and what is foretold."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import marimo as mo

from bptt.configuration import Configuration
from bptt.data import Series
from bptt.errors import BpttError
from bptt.lab.live import Still
from bptt.lab.texts import announced, paragraphs
from bptt.lab.upload import words
from bptt.prognoses import NetworkLearner, Prognosis, prognosis_of, updates_ahead
from bptt.prognoses.look_ahead import Progress
from bptt.report.prognosis.figures import three
from bptt.report.prognosis.sentences import done, sentence, why

BUDGETS = (500, 1000, 2000, 4000)
USUAL = 1000
TASK = "adding"  # in place of noise, from which there is nothing to learn
ACROSS, ROOM = 150, 245  # of a chart, and of what stands around it: three fit beside each other
KINDS: dict[str, Literal["success", "danger", "warn"]] = {
    "will learn": "success", "will not learn": "danger", "cannot tell": "warn",
}  # fmt: skip


def foretold(
    setting: Configuration,
    budget: int,
    progress: Progress | None = None,
    given: Series | None = None,
) -> Prognosis:
    """Look ahead of a setting's network, on its data or, in place of noise, on the adding task of the same length.

    Args:
        setting: of the sliders.
        budget: updates of the whole training.
        progress: as for ``prognosis_of``.
        given: sequences of a file, in the place of the setting's data.

    Raises:
        BpttError: if there is no such network, or the data leave too little to hold out.
    """
    built = replace(setting, data=task_of(setting), loss_at=None).build(given)
    learner = NetworkLearner(built.network, built.data, length=setting.length)
    return prognosis_of(learner, budget, progress)


def task_of(setting: Configuration) -> str:
    """The name of what is learnt."""
    return TASK if setting.data == "noise" else setting.data


@contextmanager
def bar(budget: int) -> Iterator[Progress]:
    """A bar on the page while the look ahead lasts; what it gives is told how far that is."""
    with mo.status.progress_bar(
        total=updates_ahead(budget), title="Looking ahead", show_rate=False, remove_on_exit=True
    ) as shown:
        before = 0

        def progress(updates: int, of: int, work: str) -> None:
            nonlocal before
            shown.update(updates - before, subtitle=f"{work}, update {updates} of {of}")
            before = updates

        yield progress


def shown(setting: Configuration, budget: int, given: Series | None = None) -> mo.Html:
    """Look ahead, with a bar, and show what came out; or one sentence on why there is nothing.

    Args:
        setting: of the sliders.
        budget: updates of the whole training.
        given: sequences of a file, in the place of the setting's data.
    """
    try:
        with bar(budget) as progress:
            prognosis = foretold(setting, budget, progress, given)
    except BpttError as error:
        return mo.callout(mo.Html(announced(words(error))), kind="warn")
    return section(setting, prognosis, given)


def section(setting: Configuration, prognosis: Prognosis, given: Series | None = None) -> mo.Html:
    """The sentence and the three curves.

    Args:
        setting: whose network it was, as the sliders stood then.
        prognosis: of it.
        given: sequences of a file that it read, in the place of the setting's data.
    """
    on = task_of(setting) if given is None else given.name
    whose = (
        f"This is about the sliders' network as it stood when you pressed the button: {setting.cell}, {setting.hidden} "
        f"units, gain {setting.gain:g}, on {on}."
    )
    if given is None and setting.data == "noise":
        whose += f" From noise there is nothing to learn: the task {TASK} took its place."
    first = mo.callout(mo.Html(announced(sentence(prognosis))), KINDS[prognosis.verdict])
    more = [
        text
        for text in (why(prognosis), prognosis.caveat, done(prognosis), whose, *prognosis.remarks)
        if text
    ]
    charts = [
        mo.vstack(
            [
                mo.md(f"**{figure.heading}**"),
                mo.Html(paragraphs(f"Nothing to draw: {figure.missing}"))
                if figure.chart is None
                else mo.as_html(Still(figure.chart.properties(width=ACROSS), figure.finding)),
                mo.Html(paragraphs(figure.finding)),
            ]
        ).style({"width": f"{ROOM}px"})
        for figure in three(prognosis)
    ]
    beside = mo.hstack(charts, justify="start", align="start", wrap=True)
    return mo.vstack([first, mo.Html(paragraphs(*more)), beside])
