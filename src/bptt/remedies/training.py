"""Changes to the training that leave the network as it is."""

import numpy as np

from bptt.data import Task
from bptt.errors import OptionError
from bptt.presentation.formatting import percent
from bptt.prognoses import BUDGET
from bptt.remedies.change import Change, plain_layers
from bptt.remedies.subject import Subject
from bptt.training import Growing

BIAS = 0.05  # of the gradient, that truncating may cost
BATCHES = 30  # whose norms are looked at
OMEGA = 2.0  # Pascanu's α
STEP = 3.0  # by which another learning rate is tried


def clip(subject: Subject, rng: np.random.Generator) -> Change:
    """Clip at the median norm of the gradient over some batches.

    Pascanu 2013, section 3.2: half to ten times the average norm is a good threshold. The median is not moved by
    the few enormous norms that clipping is for.
    """
    norms = np.array(subject.norms(BATCHES))
    norms = norms[np.isfinite(norms)]
    if not len(norms) or not np.median(norms) > 0:
        raise OptionError(
            "clip", "a median norm that is finite and above 0",
            f"{np.median(norms):g}" if len(norms) else "no finite norm",
            "There is nothing to clip: try another remedy first.",
        )  # fmt: skip
    if np.ptp(norms) <= 1e-9 * norms.max():
        raise OptionError(
            "clip", "batches whose norms differ", "the same norm each time",
            "It does not apply: pass data to draw batches from.",
        )  # fmt: skip
    limit = float(f"{np.median(norms):.2g}")
    observed = (
        f"the median of norms from {norms.min():.2g} to {norms.max():.2g} over {len(norms)} batches"
    )
    return Change((f"gradient clipped at norm {limit:g}, {observed}",), None, {"clip": limit})


def truncation(subject: Subject, rng: np.random.Generator) -> Change:
    """On text: let every loss reach as far back as 5 % of bias asks for, from the truncation bill."""
    if not subject.on_text:
        raise OptionError(
            "truncation", "text, which training cuts into chunks", "whole sequences",
            "It does not apply: nothing is cut off.",
        )  # fmt: skip
    needed = [p.shortest_truncation(BIAS) for p in subject.profiles(subject.steps - 1)]
    lengths = [K for K in needed if K is not None]
    if len(lengths) < len(needed):
        raise OptionError(
            "truncation", f"a truncation with {percent(BIAS)} of bias", "none up to the sequence's length",
            "Measure longer sequences.",
        )  # fmt: skip
    K, length = max(lengths), subject.settings.length
    sentence = f"window {length + K}: every loss reaches back {K} steps or more, bias at most {percent(BIAS)}"
    return Change((sentence,), None, {"window": length + K})


def omega(subject: Subject, rng: np.random.Generator) -> Change:
    """Pascanu's Ω in the loss: errors that keep their size from step to step are rewarded."""
    plain_layers(subject, "omega")
    if not subject.takes_omega:
        raise OptionError(
            "omega", "a bptt.Network, which bptt.training trains", "a PyTorch model",
            "It does not apply here. Add Ω to your own training loop.",
        )  # fmt: skip
    return Change((f"Ω with weight {OMEGA:g} in the loss",), None, {"omega": OMEGA})


def lr_up(subject: Subject, rng: np.random.Generator) -> Change:
    """A learning rate three times as large."""
    return _lr(subject, STEP)


def lr_down(subject: Subject, rng: np.random.Generator) -> Change:
    """A third of the learning rate."""
    return _lr(subject, 1 / STEP)


def _lr(subject: Subject, by: float) -> Change:
    before = subject.settings.lr
    lr = float(f"{before * by:.3g}")
    return Change((f"learning rate {lr:g} instead of {before:g}",), None, {"lr": lr})


def curriculum(subject: Subject, rng: np.random.Generator) -> Change:
    """Sequences that grow from a quarter of their length over half of the training (Bengio 2009)."""
    task = subject.task
    if task is None:
        raise OptionError(
            "curriculum", "a task, which can be drawn at any length", "data of the length that they have",
            "It does not apply: nothing says what would be asked of shorter sequences.",
        )  # fmt: skip
    shortest = _shortest(task)
    updates = max(1, (subject.settings.budget or BUDGET) // 2)
    if shortest >= task.length:
        raise OptionError(
            "curriculum", "a task that can be shorter", f"{task.name} at length {task.length}",
            "It does not apply: there is no shorter one.",
        )  # fmt: skip
    growing = Growing(shortest, task.length, updates)
    sentence = f"sequences that grow from length {shortest} to {task.length} over the first {updates} updates"
    return Change((sentence,), None, {"curriculum": growing})


def _shortest(task: Task) -> int:
    """A quarter of the length, or the least from there on that the task has."""
    for length in range(max(1, task.length // 4), task.length):
        try:
            task.at(length)
        except OptionError:
            continue
        return length
    return task.length
