"""``bptt.diagnose``: a model and a batch in, a report out."""

from dataclasses import replace
from typing import Any

from bptt.arrays import as_flag
from bptt.diagnosis import StateDiagnosis, diagnose_network
from bptt.network import Network
from bptt.presentation.progress import late_bar
from bptt.prognoses import Learner
from bptt.remedies import NetworkSubject, Settings
from bptt.report.modules import module_with_loss, none_of_its_own, one_batch
from bptt.report.prognosis import Training, learner_of
from bptt.report.report import Report


def diagnose(
    model: Any,
    batch: Any,
    loss: Any = None,
    needed_lag: int | None = None,
    *,
    max_lag: int | None = None,
    sequences: int | str | None = None,
    memory: float | None = None,
    seconds: float | None = None,
    seed: int = 0,
    recurrent: Any = None,
    progress: bool = True,
) -> Report:
    """Show how far back the gradient of a network reaches on a batch, and why no further.

    A large batch of a PyTorch model is taken apart in part: as many of its sequences, drawn with a seed, and of their loss
    steps as time and memory allow. The report says which, and the gradient of all is compared with autograd's. Ctrl-C
    leaves the model as it was.

    Args:
        model: a ``bptt.Network``, or any ``torch.nn.Module`` with nn.RNN, nn.LSTM, nn.GRU in it, or their
            cells called in a loop, or with a module that it calls once per time step, or a skorch net with such a module.
            It is left as it was found.
        batch: for a Network (x, targets) or (x, targets, h0), or a dict of ``Network.run``'s arguments by
            name: x (T, B, I), targets and so on; for a PyTorch model whatever ``loss`` takes.
        loss: for a PyTorch model a function, called as loss(model, batch), that returns the loss before
            ``.backward()``; a Network has its own.
        needed_lag: how far back the task needs the gradient to reach; half of each layer's own steps if None.
        max_lag: the largest lag to compute; None goes back as far as there is a past.
        sequences: of a PyTorch model's batch, how many are taken apart by lag: a number, "all", or None for as many as the
            bounds allow.
        memory: bytes that a PyTorch model's measurement may take; None for about twice a training step's, and half of
            what is free.
        seconds: that the measurement of a PyTorch model may take, as far as can be foretold: the pass through the model, its
            comparison with autograd, and the walk by lag. None for a walk of about two training steps, for 30 s at most,
            and for at least a second or so of walking.
        seed: by which the sequences are drawn.
        recurrent: of a PyTorch model, the module of one time step, whatever it computes: its dotted name, its class, the
            class's name, or the module itself. None for PyTorch's layers and cells; where there is none, a module that is
            called again and again and whose outputs come in again is found by itself, and the report says which.
        progress: whether to show a bar with the time left where it takes longer than two seconds.

    Raises:
        OptionError: if the model is neither, has no recurrent layer, the loss does not depend on one, or
            the needed lag lies outside the sequence.
        ShapeError, DTypeError, NonFiniteError: if the batch does not fit.
        AgreementError: if what was replayed of a PyTorch model is not what PyTorch computed.

    >>> import numpy as np, bptt
    >>> net = bptt.Network.init(inputs=3, hidden=16, outputs=2, loss_at="last", rng=0)
    >>> x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
    >>> report = bptt.diagnose(net, (x, np.zeros(8, int)))
    >>> report.verdict, report.cause.name
    ('vanishing', 'weights')
    """

    def learner(data: Any, training: Training) -> Learner:
        return learner_of(model, batch if data is None else data, loss, needed_lag, training)

    progress = as_flag("progress", progress)
    if isinstance(model, Network):
        none_of_its_own(
            loss=loss, sequences=sequences, memory=memory, seconds=seconds, recurrent=recurrent
        )
        with late_bar("diagnose", shown=progress) as update:
            diagnosis = diagnose_network(model, batch, needed_lag, max_lag=max_lag, update=update)
        return Report(
            diagnosis,
            title=repr(model),
            subject=lambda data, settings: NetworkSubject.of(
                model, batch, needed_lag, data, settings
            ),
            learner=learner,
        )
    one_batch(model, batch, loss)
    model = module_with_loss(model, loss)
    from bptt.torch_models import Bounds, ModuleSubject, StatesSubject, diagnose_module, unwrapped

    with late_bar("diagnose", shown=progress) as update:
        bounds = Bounds(sequences, max_lag, memory, seconds, seed, update=update)
        diagnosis = diagnose_module(
            model, batch, loss, needed_lag, bounds=bounds, recurrent=recurrent
        )
    others = any(isinstance(layer, StateDiagnosis) for layer in diagnosis.layers.values())

    def subject(data: Any, settings: Settings) -> ModuleSubject:
        given = model, batch, loss, needed_lag, data, settings
        if others:
            return StatesSubject.with_recurrent(recurrent, *given)
        return ModuleSubject.of(*given)

    return Report(
        diagnosis,
        title=type(unwrapped(model)).__name__,
        facts=(("Read", diagnosis.read),),
        subject=subject,
        learner=lambda data, training: learner(data, replace(training, recurrent=recurrent)),
    )
