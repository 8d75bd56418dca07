"""``bptt.prognosis``: a model and data in, a look ahead made, and what it foretells out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bptt.arrays import as_flag
from bptt.data import Series, Task, Text
from bptt.diagnosis import batch_arguments
from bptt.errors import OptionError
from bptt.network import Network
from bptt.presentation.progress import bar
from bptt.prognoses import BUDGET, Learner, NetworkLearner, prognosis_of, updates_ahead
from bptt.prognoses.foretell import as_budget
from bptt.report.modules import module_with_loss, none_of_its_own
from bptt.report.prognosis.report import PrognosisReport
from bptt.report.prognosis.sentences import cost

LEARNING_RATE, BATCH, CLIP = 1e-3, 32, 1.0


@dataclass(frozen=True)
class Training:
    """How a training is planned that a look ahead is about; the arguments of ``prognosis`` of the same names."""

    lr: float = LEARNING_RATE
    batch: int = BATCH
    clip: float | None = CLIP
    length: int | None = None
    window: int | None = None
    omega: float = 0.0
    curriculum: Any = None
    step: Callable[[Any, Any], Any] | None = None
    seed: int = 0
    recurrent: Any = None


def prognosis(
    model: Any,
    data: Any,
    loss: Any = None,
    needed_lag: int | None = None,
    budget: int = BUDGET,
    *,
    lr: float = LEARNING_RATE,
    batch: int = BATCH,
    clip: float | None = CLIP,
    length: int | None = None,
    window: int | None = None,
    omega: float = 0.0,
    curriculum: Any = None,
    step: Callable[[Any, Any], Any] | None = None,
    seed: int = 0,
    recurrent: Any = None,
    progress: bool = True,
) -> PrognosisReport:
    """Say whether a network will learn what lies far back, from a look ahead on a copy.

    The copy is trained for a tenth of the budget. At the start, half-way and at the end it is measured on data that
    it is not trained on: how much of the error signal reaches the needed lag, how much of the gradient from there
    agrees over data, and whether the network can form what is asked for. Ctrl-C ends the look ahead, and what is
    known by then is told.

    Args:
        model: a ``bptt.Network``, or any ``torch.nn.Module`` that ``bptt.diagnose`` takes. It is left as it is.
        data: for a Network a text, series or task, as ``bptt.training.train`` takes it; for a PyTorch model an iterable
            of batches, such as a DataLoader, or a function that draws one. For either one batch, as ``bptt.diagnose``
            takes it, whose sequences are split.
        loss: for a PyTorch model a function, called as loss(model, batch), that returns the loss before
            ``.backward()``; a Network has its own.
        needed_lag: how far back the task needs the gradient to reach, in steps; a task's own, or half of the
            sequences, if None.
        budget: updates of the whole training that you plan.
        lr: of Adam.
        batch: sequences per update.
        clip: largest norm of the gradient; None never clips.
        length: of text: time steps per update, the k1 of BPTT(k1, k2); 64 if None.
        window: of text: how far back its gradient reaches, k2; ``length`` if None.
        omega: weight of Pascanu's Ω in the loss.
        curriculum: the length of a task's sequences from update to update (``bptt.training.Drawn``).
        step: for a PyTorch model one update of your own, called as step(model, batch) with the copy; Adam if None.
        seed: of the order of the data, and of what is held out: the same seed gives the same bits.
        recurrent: of a PyTorch model, the module of one time step, or one whose recurrence is known, as ``bptt.diagnose``
            takes it; None for PyTorch's layers, or what is found where there is none.
        progress: whether to say what it costs, and to show a bar with the time left.

    Raises:
        OptionError: if the model is none, it does not fit the data, a number lies outside its range, or the data
            leave too little to hold out.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit.

    >>> import bptt
    >>> from bptt.data import tasks
    >>> task = tasks.adding(50)
    >>> net = bptt.Network.init(2, 16, 1, loss="mse", loss_at="last", rng=0)
    >>> ahead = bptt.prognosis(net, task, budget=2000, progress=False)
    >>> ahead.verdict, ahead.missing
    ('will not learn', 'reach')
    """
    training = Training(lr, batch, clip, length, window, omega, curriculum, step, seed, recurrent)
    budget, progress = as_budget(budget), as_flag("progress", progress)
    learner = learner_of(model, data, loss, needed_lag, training)
    return report_of(learner, budget, title=title_of(model, data), progress=progress)


def learner_of(
    model: Any, data: Any, loss: Any, needed_lag: int | None, training: Training
) -> Learner:
    """The copy that a look ahead trains.

    Args:
        model: of the user.
        data: to learn from.
        loss: of a PyTorch model.
        needed_lag: as the user gave it.
        training: how it is planned.

    Raises:
        OptionError: as ``prognosis``.
    """
    if not isinstance(model, Network):
        return _of_module(model, data, loss, needed_lag, training)
    none_of_its_own(loss=loss, step=training.step, recurrent=training.recurrent)
    given = {"length": training.length, "window": training.window}
    on_text = {name: value for name, value in given.items() if value is not None}
    if on_text and not isinstance(data, Text):
        raise OptionError(
            " and ".join(on_text), "None where the data are no text",
            " and ".join(map(str, on_text.values())), "Leave it out: it has no effect.",
        )  # fmt: skip
    return NetworkLearner(
        model, _sequences(data), needed_lag=needed_lag, lr=training.lr, batch=training.batch,
        clip=training.clip, omega=training.omega, curriculum=training.curriculum, seed=training.seed, **on_text,
    )  # fmt: skip


def _of_module(
    model: Any, data: Any, loss: Any, needed_lag: int | None, training: Training
) -> Learner:
    """The copy of a PyTorch model."""
    model = module_with_loss(model, loss)
    from bptt.torch_models import ModuleLearner

    for name in ("length", "window", "omega", "curriculum"):
        value = getattr(training, name)
        if value:
            raise OptionError(
                name, "none for a PyTorch model", repr(value),
                "Leave it out: the batches are as long as they are, and the loss is yours.",
            )  # fmt: skip
    return ModuleLearner(
        model, data, loss, needed_lag=needed_lag, lr=training.lr, batch=training.batch, clip=training.clip,
        step=training.step, seed=training.seed, recurrent=training.recurrent,
    )  # fmt: skip


def report_of(
    learner: Learner,
    budget: int,
    *,
    title: str = "A recurrent network",
    facts: tuple[tuple[str, str], ...] = (),
    progress: bool = True,
) -> PrognosisReport:
    """Make the look ahead of a learner.

    Args:
        learner: fresh; it is trained.
        budget: updates of the whole training.
        title: what is measured, in a line.
        facts: (name, value) pairs about data and training.
        progress: whether to say what it costs, and to show a bar.
    """
    ahead = updates_ahead(budget)
    with bar("look ahead", shown=progress, first=cost(ahead, budget, learner.batch)) as update:
        seen = prognosis_of(learner, budget, update)
    planned = (("batch", str(learner.batch)), ("learning rate", f"{learner.lr:g}"))
    fields = {name: getattr(seen, name) for name in seen.__dataclass_fields__}
    return PrognosisReport(**fields, title=title, facts=(*facts, *planned))


def title_of(model: Any, data: Any) -> str:
    """What is measured, in a line."""
    if isinstance(model, Network):
        name = repr(model.body)
    else:
        from bptt.torch_models import as_module, unwrapped

        name = type(unwrapped(as_module(model))).__name__
    return f"{name} on {data.name}" if isinstance(data, Text | Series | Task) else name


def _sequences(data: Any) -> Any:
    """Data as a learner of a network takes them: sequences none of which are kept apart are split as one batch."""
    if isinstance(data, Series) and not data.apart:
        whole = data.train
        return {"x": whole.x, "targets": whole.targets, "lengths": whole.lengths}
    if isinstance(data, Text | Series | Task):
        return data
    try:
        return batch_arguments(data)
    except OptionError as error:
        raise OptionError(
            "data", "a text, series or task, or one batch: (x, targets) or a dict with x and targets",
            error.got, "Load one, bptt.data.load('adding'), or pass a batch.",
        ) from None  # fmt: skip
