"""The best change together with a larger learning rate: what lets the gradient pass often takes larger steps, too."""

from dataclasses import replace

from bptt.remedies.training import STEP
from bptt.remedies.tried import Tried

WITH = "lr-up"


def faster(best: Tried, unchanged: Tried) -> Tried | None:
    """A remedy with three times the learning rate; None where it is the training alone that it changes.

    Args:
        best: the remedy.
        unchanged: the model as it is.
    """
    if best.subject is unchanged.subject or "lr" in best.changes:
        return None
    lr = float(f"{best.settings.lr * STEP:.3g}")
    return replace(
        best,
        name=f"{best.name}+{WITH}",
        does=f"{best.does}; three times the learning rate",
        source=f"{best.source}; Bengio 2012",
        sentences=(*best.sentences, f"learning rate {lr:g} instead of {best.settings.lr:g}"),
        settings=replace(best.settings, lr=lr),
        changes=best.changes | {"lr": lr},
        combined=True,
    )
