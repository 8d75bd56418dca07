"""The exercises on the page: where an answer goes, what came of it, and what helps after a wrong one."""

from collections.abc import Callable
from typing import Any

import marimo as mo
import traitlets
from markupsafe import escape

from bptt.lab import words
from bptt.lab.exercises import EXERCISES, Exercise, Start
from bptt.lab.texts import classed
from bptt.lab.widget import Widget

WRONG_FOR_HINT, WRONG_FOR_SOLUTION = 1, 3


class Ask(Widget):
    """A field, its buttons, and what is said of the last answer.

    Attributes:
        number: of the exercise.
        choices: the answers there are; none where it is typed.
        answer: the last one as the browser sends it, {"value": …, "n": how many so far}.
        begun: how often the sliders were asked to be set.
        said: what came of the answer, as HTML.
        right: whether it was.

    Args:
        number: of the exercise.
        exercise: that is asked.
        begin: called with its starting point when the sliders are to be set there.
    """

    _esm = """
    export default { render({ model, el }) {
      const form = document.createElement("form");
      form.className = "ask";
      const choices = model.get("choices"), name = `your answer to ${model.get("number")}`;
      const field = document.createElement(choices.length ? "select" : "input");
      field.setAttribute("aria-label", name);
      field.autocomplete = "off";
      if (choices.length) for (const each of ["", ...choices]) field.add(new Option(each || "choose", each));
      field.value = model.get("answer").value ?? "";
      const button = (words, type, act) => {
        const made = document.createElement("button");
        made.type = type;
        made.textContent = words;
        if (act) made.addEventListener("click", act);
        return made;
      };
      const send = (key, value) => { model.set(key, value); model.save_changes(); };
      const said = document.createElement("div");
      said.className = "said";
      const show = () => { said.innerHTML = model.get("said"); };
      const mark = () => said.classList.toggle("right", model.get("right"));
      form.addEventListener("submit", event => {  // Enter in the field, or the button
        event.preventDefault();
        send("answer", { value: field.value, n: (model.get("answer").n ?? 0) + 1 });
      });
      const check = button("Check", "submit");
      check.setAttribute("aria-label", `check ${name}`);
      form.append(
        field, check, button("Set the sliders", "button", () => send("begun", model.get("begun") + 1)), said,
      );
      model.on("change:said", show);
      model.on("change:right", mark);  // it may come after what is said
      show();
      mark();
      el.append(form);
    } };
    """
    _css = """
    .ask { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; font-size: 1rem; }
    .ask > input, .ask > select, .ask > button {
      font: inherit; color: inherit; background: transparent; border: 1px solid #8a8a95; border-radius: .3rem;
      padding: .25rem .6rem; min-height: 2.2rem;
    }
    .ask > input { width: 8rem; }
    .ask > select { max-width: 100%; }
    .ask option { color: #1b1b1f; background: #fff; }
    .ask > button { cursor: pointer; }
    .ask > button[type=submit] { background: #0072b2; border-color: #0072b2; color: #fff; }
    .ask > .said { flex-basis: 100%; max-width: 46rem; line-height: 1.5; border-left: .3rem solid #d55e00; padding-left: .7rem; }
    .ask > .said.right { border-color: #009e73; }
    .ask > .said:empty { display: none; }
    .ask p { margin: .3rem 0; }
    @media print { .ask > button { display: none; } }
    """
    number = traitlets.Int().tag(sync=True)
    choices: Any = traitlets.List().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    begun = traitlets.Int().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    right = traitlets.Bool(False).tag(sync=True)

    def __init__(self, number: int, exercise: Exercise, begin: Callable[[Start], None]) -> None:
        super().__init__(number=number, choices=list(exercise.choices))
        self._exercise, self._wrong = exercise, 0
        self.observe(lambda change: self.check(change["new"].get("value")), "answer")
        self.observe(lambda change: begin(exercise.start), "begun")

    def check(self, value: Any) -> None:
        """Judge an answer, and say what came of it: a hint after a wrong one, the solution after three."""
        checked = self._exercise.check(value)
        self._wrong += not checked.right
        lines = [checked.sentence]
        if not checked.right and self._wrong >= WRONG_FOR_HINT:
            lines.append(f"Hint: {self._exercise.hint}")
        if not checked.right and self._wrong >= WRONG_FOR_SOLUTION:
            lines.append(f"Solution: {self._exercise.solution}")
        with self.hold_sync():
            self.right = checked.right
            self.said = "".join(f'<p role="alert">{escape(line)}</p>' for line in lines)


def asked(begin: Callable[[Start], None]) -> dict[str, list[mo.Html]]:
    """The exercises with their fields, by the chart below which they stand.

    Args:
        begin: called with the starting point of an exercise when the sliders are to be set there.
    """
    found: dict[str, list[mo.Html]] = {}
    for number, each in enumerate(EXERCISES, 1):
        question = mo.md(words.explained(f"**Exercise {number}. {each.title}.** {each.question}"))
        block = classed("exercise", mo.vstack([question, Ask(number, each, begin)]))
        found.setdefault(each.below, []).append(block)
    return found
