"""The exercises on the page: where an answer goes, and what came of it."""

from collections.abc import Callable, Mapping
from typing import Any

import marimo as mo

from bptt.lab.exercises import EXERCISES, Checked, Exercise
from bptt.lab.held import held
from bptt.lab.texts import announced


def forms(answered: Callable[[Exercise, Any], None]) -> dict[str, Any]:
    """A form per exercise, by its key.

    Args:
        answered: called with the exercise and the answer.
    """
    return {one.key: _form(number, one, answered) for number, one in enumerate(EXERCISES, 1)}


def _form(number: int, exercise: Exercise, answered: Callable[[Exercise, Any], None]) -> Any:
    label = f"your answer to {number}"
    one: Any = (
        mo.ui.dropdown(exercise.choices, label=label)
        if exercise.choices
        else mo.ui.text(label=label)
    )
    form = one.form(
        bordered=False, submit_button_label="Check", on_change=lambda answer: answered(exercise, answer)
    )  # fmt: skip
    held(form.element)
    return held(form)


def asked(answers: Mapping[str, Any], checked: Mapping[str, Checked]) -> list[mo.Html]:
    """The exercises with their forms, and what came of the last answers.

    Args:
        answers: the forms, by key.
        checked: what came of the answers that were given.
    """
    return [
        _one(number, exercise, answers[exercise.key], checked.get(exercise.key))
        for number, exercise in enumerate(EXERCISES, 1)
    ]


def _one(number: int, exercise: Exercise, form: Any, result: Checked | None) -> mo.Html:
    verdict = []
    if result is not None:
        kind: Any = "success" if result.right else "warn"
        verdict = [mo.callout(mo.Html(announced(result.sentence)), kind)]
    hint = mo.accordion({"A hint": mo.md(exercise.hint)})
    question = mo.md(f"### {number}. {exercise.title}\n\n{exercise.question}")
    return mo.vstack([question, form, *verdict, hint])
