"""The verdict as a card that stays where it is while its words change."""

from typing import Any

import anywidget
import traitlets
from markupsafe import escape

from bptt.lab.measured import Measured
from bptt.report.words import headline


class Card(anywidget.AnyWidget):
    """The finding in a few words.

    Attributes:
        tone: "vanishing", "exploding" or "steady", or "error".
        words: what stands on it, as HTML.
    """

    _esm = """
    const tones = { vanishing: "#0072B2", exploding: "#D55E00", steady: "#009E73", error: "#888888" };
    export default { render({ model, el }) {
      const card = document.createElement("div");
      card.className = "card";
      card.setAttribute("role", "status");
      card.style.cssText = "border-left:.4rem solid;padding:.4rem .8rem;line-height:1.4;font-size:.9rem";
      const show = () => {
        card.style.borderColor = tones[model.get("tone")];
        card.innerHTML = model.get("words");
      };
      model.on("change:words", show);
      model.on("change:tone", show);
      show();
      el.append(card);
    } };
    """
    tone = traitlets.Unicode().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)

    def show(self, shown: Measured) -> None:
        """The verdict on what is shown."""
        layer = shown.layer
        with self.hold_sync():
            self.tone = layer.verdict
            self.words = (
                f"<strong>{layer.verdict.capitalize()}</strong><br>{escape(headline(layer))}<br>"
                f"Cause: {escape(layer.cause.name)}."
            )

    def refuse(self, sentence: Any) -> None:
        """One sentence on what cannot be shown."""
        with self.hold_sync():
            self.tone = "error"
            self.words = f"<strong>Not shown</strong><br>{escape(str(sentence))}"
