"""The charts of remedies with their headings, findings and tables."""

from bptt.presentation.figure import Figure, figure
from bptt.remedies import Ranking
from bptt.report.remedies import findings
from bptt.report.remedies.charts import DECADES, gradients, leaves_frame, memories, redrawn
from bptt.report.remedies.race_chart import race


def figures(ranking: Ranking) -> list[Figure]:
    """The race, and the gradient by lag and the memory before and after."""
    needed = ranking.before.diagnosis.decisive.needed_lag
    layers = len(ranking.before.diagnosis.layers)
    alone = [tried.name for tried in ranking.tried if tried.changes]
    same = (
        f" Not shown, because they change the training alone: {', '.join(alone)}." if alone else ""
    )
    several = " Of several layers it is the one that the verdict is about." if layers > 1 else ""
    outside = (
        f" Where a curve leaves the frame it is off by more than a factor of 1e{DECADES} from lag 0 of the grey one."
        if leaves_frame(ranking)
        else ""
    )
    small = "the batch is too small to fit it."
    if not redrawn(ranking):
        small = "every remedy changes the training alone."
    return [
        figure(
            "race", "The race on held-out data",
            "The loss on sequences that none has trained on, at the end of every round, over what the same network "
            "achieves without the past: 1 where nothing of it is learnt. Grey is the unchanged model. The better half "
            "went on to the next round. Below the dotted rule the needed lag counts as learnt. A cross marks where a "
            "training broke off.",
            race(ranking),
            lambda: findings.race(ranking),
            lambda: findings.race_table(ranking),
            "nothing was trained."
            if ranking.race is None
            else "no copy came as far as a held-out loss.",
        ),
        figure(
            "gradients", "Gradient by lag, before and after",
            "The size of the part of dW_R from k steps back, on a log scale: grey and dashed for the unchanged model, "
            f"blue with the remedy, in the order of the table. The dotted rule marks the lag that is needed.{several}{outside}{same}",
            gradients(ranking),
            lambda: findings.gradients(ranking),
            lambda: findings.gradients_table(ranking),
            "every remedy changes the training alone, or every value is zero.",
        ),
        figure(
            "memories", "What the state remembers, before and after",
            "R² of the input of k steps ago, read linearly off the state of sequences that it was not fitted to. "
            f"Where the curve is 0 at lag {needed}, no single input of then can be read off; a sum of many still may be.",
            memories(ranking),
            lambda: findings.memories(ranking),
            lambda: findings.memories_table(ranking),
            small,
        ),
    ]  # fmt: skip
