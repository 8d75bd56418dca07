"""A PyTorch model on a batch, judged."""

from dataclasses import replace
from typing import Any

from torch import nn

from bptt.diagnosis import (
    Advice,
    Cause,
    Diagnosis,
    LayerDiagnosis,
    assumed_lags,
    diagnose_traces,
    needed_lags,
    needed_or_half,
    remarks_on_inputs,
    remarks_on_memory,
    remembered,
)
from bptt.layers.stacked import as_stack_trace
from bptt.torch_models.advised import in_pytorch
from bptt.torch_models.capture import Loss, NotPyTorchs
from bptt.torch_models.convert import suffixes
from bptt.torch_models.decompose import Bounds, Decomposed, decompose
from bptt.torch_models.scans import diagnose_scans, is_scan, scan_modules
from bptt.torch_models.stepped import diagnose_steps, found, named


def diagnose_module(
    model: nn.Module,
    batch: Any,
    loss: Loss,
    needed_lag: int | None = None,
    *,
    bounds: Bounds | None = None,
    recurrent: Any = None,
) -> Diagnosis:
    """Measure every recurrent layer of a PyTorch model on a batch, and say what the numbers mean.

    A model without such a layer is searched for modules whose recurrence is known, Mamba and the like, then for a module
    that it calls once per time step.

    Args:
        model: any module with nn.RNN, nn.LSTM, nn.GRU in it, or their cells called in a loop.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        needed_lag: how far back the task needs the gradient to reach; half of each module's own steps if None.
        bounds: the largest lag to compute, and what else the measurement may take.
        recurrent: the module of one step, of whatever kind: its dotted name, its class, the class's name, or the module
            itself; or one whose recurrence is known. None for PyTorch's layers, or what is found where there is none.

    Raises:
        OptionError: if there is no recurrent layer, the loss does not depend on one, or a lag is out of
            reach.
        NonFiniteError: if the loss or what it sends back to a layer is not finite.
        AgreementError: if what was replayed is not what PyTorch computed: there is nothing to judge.
    """
    bounds = bounds or Bounds()
    max_lag = bounds.max_lag

    def needed_of(steps: int) -> int:
        return needed_or_half(needed_lag, steps, max_lag)

    if recurrent is not None:
        steps = named(model, recurrent)
        if all(map(is_scan, steps.values())):
            return diagnose_scans(model, batch, loss, needed_lag, bounds, steps)
        return diagnose_steps(model, batch, loss, steps, needed_lag, bounds)
    try:
        parts = decompose(model, batch, loss, max_lag, bounds, needed_of)
    except NotPyTorchs:
        if scan_modules(model):
            return diagnose_scans(model, batch, loss, needed_lag, bounds)
        steps = found(model, batch, loss)
        if not steps:
            raise
        return diagnose_steps(model, batch, loss, steps, needed_lag, bounds, by_itself=True)
    lag = needed_of(parts.longest)
    needed_lag = None if needed_lag is None else lag
    needed = needed_lags(needed_lag, parts.traces, parts.profiles, max_lag)
    layers = diagnose_traces(
        parts.names, parts.traces, parts.profiles, parts.by_step, needed, parts.unbroken
    )
    for name, (path, end), calls in zip(parts.names, _places(parts), parts.calls, strict=True):
        layer = layers[name]
        if calls and layer.verdict == "vanishing":
            layers[name] = _not_passed_on(layer, calls)
        else:
            layers[name] = replace(layer, advice=in_pytorch(layer.advice, model, path, end))
    # Of several recurrent modules, the first: the inputs it reads are those of the model.
    first = as_stack_trace(parts.traces[0])
    memory = remembered(first)
    mode = "train" if model.training else "eval"
    assumed = (
        *assumed_lags(needed_lag, parts.names, parts.traces, parts.profiles, needed),
        f"The numbers come from one batch, with the model in {mode} mode.",
        *parts.remarks,
        *remarks_on_inputs(first, memory),
        *remarks_on_memory(memory, lag),
    )
    checked = tuple(parts.checked)
    return Diagnosis(layers, parts.E, assumed, None, checked, memory, needed_lag, parts.read)


def _places(parts: Decomposed) -> list[tuple[str, str]]:
    """(path of its module, how its parameters' names end) of each layer, in the order of the layers' names."""
    return [(path, end) for path, module in parts.modules.items() for end in suffixes(module)]


def _not_passed_on(layer: LayerDiagnosis, calls: int) -> LayerDiagnosis:
    """A layer whose state is lost between its calls: that is the cause, whatever the numbers say."""
    cause = Cause(
        "state not passed on", float(calls),
        f"It was called {calls} times, one step each, and no state goes from one call to the next: nothing goes back "
        "in time.",
    )  # fmt: skip
    advice = Advice(
        "Pass the state on from one call to the next, and do not detach it or set it to zero in between."
    )
    return replace(layer, cause=cause, advice=(advice,))
