"""The verdict as a card that stays where it is while its words change."""

import json
from collections.abc import Sequence
from typing import Any

import traitlets
from markupsafe import escape

from bptt.lab.measured import Measured
from bptt.lab.widget import Widget
from bptt.presentation.colours import GREY, ON_DARK, VERDICT_TONES
from bptt.presentation.formatting import counted
from bptt.report.sentences import headline

# (light, dark) by what the card says.
TONES = {name: (tone.light, tone.dark) for name, tone in VERDICT_TONES.items()}
TONES["error"] = (GREY, ON_DARK[GREY])


def _whose(shown: Measured) -> str:
    """The layer that is shown, and how long the sequences are."""
    layer = shown.trace.layer
    return f"{shown.layer.kind}, {counted(layer.hidden, 'unit')}, {counted(len(shown.trace.h) - 1, 'step')}"


def verdict_on(shown: Measured, whose: str, rests: Sequence[str] = ()) -> str:
    """What the card says of what is shown, as HTML.

    Args:
        shown: what was measured.
        whose: network it is, and what it reads.
        rests: names of the controls that change nothing at present.
    """
    layer = shown.layer
    return (
        f"<strong>{layer.verdict.capitalize()}</strong><br>{escape(headline(layer))}<br>"
        f"Cause: {escape(layer.cause.name)}.<br>"
        f"<small style='font-size:.8rem'>{escape(whose)}: {escape(_whose(shown))}."
        f"{' Without effect: ' + escape(', '.join(rests)) + '.' if rests else ''}</small>"
    )


class Card(Widget):
    """The finding in a few words.

    Attributes:
        tone: "vanishing", "exploding" or "steady", or "error".
        words: what stands on it, as HTML.
        busy: whether something else is being measured; said where it lasts.
    """

    _esm = (
        f"const tones = {json.dumps(TONES)};"
        + """
    const dark = () => document.body.classList.contains("dark")
      || document.documentElement.classList.contains("dark");
    export default { render({ model, el }) {
      const card = document.createElement("div");
      card.className = "card";
      card.setAttribute("role", "status");
      // as high as its longest verdict: the sliders below stay where they are while they are moved
      card.style.cssText =
        "border-left:.4rem solid;padding:.4rem .8rem;line-height:1.4;font-size:.9rem;min-height:8.5em";
      const wait = document.createElement("div");
      wait.style.cssText = "font-size:.9rem;height:1.4em;padding-left:1.2rem";
      wait.setAttribute("role", "status");
      let timer = null;
      const rest = () => {
        clearTimeout(timer);
        wait.textContent = "";
        card.setAttribute("aria-busy", model.get("busy"));
        if (model.get("busy")) timer = setTimeout(() => { wait.textContent = "Measuring …"; }, 600);
      };
      const show = () => {
        card.style.borderColor = tones[model.get("tone")][dark() ? 1 : 0];
        card.innerHTML = model.get("words");
      };
      model.on("change:words", show);
      model.on("change:tone", show);
      model.on("change:busy", rest);
      new MutationObserver(show).observe(document.body, { attributeFilter: ["class"] });
      show();
      el.append(card, wait);
    } };
    """
    )
    tone = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)

    def show(self, shown: Measured, whose: str, rests: Sequence[str] = ()) -> None:
        """The verdict on what is shown.

        Args:
            shown: what was measured.
            whose: network it is, and what it reads.
            rests: names of the controls that change nothing at present.
        """
        with self.hold_sync():
            self.busy = False
            self.tone = shown.layer.verdict
            self.words = verdict_on(shown, whose, rests)

    def refuse(self, sentence: Any) -> None:
        """One sentence on what cannot be shown."""
        with self.hold_sync():
            self.busy = False
            self.tone = "error"
            self.words = (
                f"<strong>Not shown</strong><br>{escape(str(sentence))}<br>"
                "<small style='font-size:.8rem'>The charts still show what was measured before.</small>"
            )


class Refusal(Widget):
    """Why a file is not shown, where files are dropped; it takes no room where nothing is refused.

    Attributes:
        said: the sentence.
    """

    _esm = """
    export default { render({ model, el }) {
      const said = document.createElement("p");
      said.setAttribute("role", "alert");
      const show = () => {
        said.textContent = model.get("said");
        said.style.cssText = model.get("said") ? "border-left:.3rem solid #d55e00;padding-left:.7rem;margin:.6rem 0" : "";
      };
      model.on("change:said", show);
      show();
      el.append(said);
    } };
    """
    said = traitlets.Unicode().tag(sync=True)
