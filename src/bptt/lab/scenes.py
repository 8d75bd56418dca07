"""Settings that the page has buttons for: where W_R shrinks the error, where it lets it grow, and what helps."""

from collections.abc import Callable
from math import log

import traitlets

from bptt.configuration import Configuration
from bptt.lab.widget import Widget

AT = Configuration(gain=0.8, input_variance=0.5)
CULPRITS = {
    "W_R shrinks": AT,
    "W_R grows, φ′ takes it back": Configuration(gain=1.5, input_variance=0.5),
    "W_R grows, nothing takes it back": Configuration(gain=1.5, input_variance=0.5, activation="identity"),
}  # fmt: skip
CURES = {
    "rnn, as at the beginning": AT,
    "a slope above one: scaled_tanh": Configuration(gain=1.2, input_variance=0.5, activation="scaled_tanh"),
    "identity with relu": Configuration(init="identity", activation="relu", input_variance=0.5),
    "lstm as it is drawn": Configuration(cell="lstm", input_variance=0.5),
    "lstm, open for lag 50": Configuration(cell="lstm", input_variance=0.5, bias=round(log(49), 1)),
}  # fmt: skip


class Scenes(Widget):
    """A row of buttons, each of which sets the sliders.

    Attributes:
        names: what stands on them.
        pressed: the last one, and how often one was: {"name": …, "n": …}.

    Args:
        scenes: by name.
        begin: called with the setting of a button that was pressed.
    """

    _esm = """
    export default { render({ model, el }) {
      const row = document.createElement("div");
      row.className = "scenes";
      for (const name of model.get("names")) {
        const button = document.createElement("button");
        button.textContent = name;
        button.addEventListener("click", () => {
          model.set("pressed", { name, n: (model.get("pressed").n ?? 0) + 1 });
          model.save_changes();
        });
        row.append(button);
      }
      el.append(row);
    } };
    """
    _css = """
    .scenes { display: flex; flex-wrap: wrap; gap: .5rem; font-size: 1rem; }
    .scenes button {
      font: inherit; color: inherit; background: transparent; border: 1px solid #8a8a95; border-radius: .3rem;
      padding: .25rem .6rem; min-height: 2.2rem; cursor: pointer; text-align: left;
    }
    .scenes button:hover, .scenes button:focus-visible { border-color: #0072b2; }
    @media print { .scenes { display: none; } }
    """
    names: traitlets.List[str] = traitlets.List().tag(sync=True)
    pressed = traitlets.Dict().tag(sync=True)

    def __init__(
        self, scenes: dict[str, Configuration], begin: Callable[[Configuration], None]
    ) -> None:
        super().__init__(names=list(scenes))
        self.observe(lambda change: begin(scenes[change["new"]["name"]]), "pressed")
