"""A call over so many sequences that they are run again a few at a time: those that are kept, and others to be compared alone."""

from dataclasses import replace

import numpy as np
import torch

from bptt.arrays import Array
from bptt.gradients.by_lag.loss_steps import error_rows
from bptt.gradients.by_lag.total import whole
from bptt.layers import StackTrace
from bptt.torch_models.capture import Chain, Errors
from bptt.torch_models.capture.carry import gradients
from bptt.torch_models.capture.some_sequences import of_outputs, some_sequences
from bptt.torch_models.convert import to_numpy
from bptt.torch_models.replay.portion import Portion
from bptt.torch_models.replay.run_again import Replay, replay
from bptt.torch_models.replay.strands import Strand, strands_of


def replay_in_portions(strand: Strand, immediate: Errors, portion: Portion, size: int) -> Replay:
    """Run a call again, the sequences of a portion first.

    Args:
        strand: of one call, none of whose states go on from another.
        immediate: the errors at its outputs.
        portion: which sequences are kept.
        size: of the others, how many at a time.

    Raises:
        AgreementError: if the states of any sequence are not PyTorch's.
    """
    kept = _of(strand, immediate, portion.columns)
    totals = gradient_of(kept.trace, kept.errors)
    others = portion.others
    for first in range(0, len(others), size):
        part = _gradient_alone(strand, immediate, others[first : first + size])
        for total, own in zip(totals, part, strict=True):
            total += own
    kept = replace(kept, portion=portion, whole=totals)
    if portion.compared is None:
        return kept
    return replace(kept, theirs=_by_autograd(strand, immediate, portion, size))


def gradient_of(trace: StackTrace, errors: list[Array]) -> list[Array]:
    """dW_R per layer, in float64, by an ordinary backward pass.

    Args:
        trace: a forward pass.
        errors: per layer the immediate gradient on its states.
    """
    rows = [error_rows(t, d) for t, d in zip(trace.traces, errors, strict=True)]
    if all(own is None for own in rows):  # nothing is sent to these sequences
        return [np.zeros(t.weights.W_R.shape) for t in trace.traces]
    return [total.value(np.dtype(np.float64)) for total in whole(trace, rows)]


def _gradient_alone(strand: Strand, immediate: Errors, columns: Array) -> list[Array]:
    """dW_R per layer of some sequences; nothing else of them stays while the next are run."""
    part = _of(strand, immediate, columns)
    return gradient_of(part.trace, part.errors)


def _by_autograd(strand: Strand, immediate: Errors, portion: Portion, size: int) -> list[Array]:
    """dW_hh per layer of the sequences that are compared, by PyTorch, which runs them again a few at a time."""
    (start,) = strand.starts
    call = start.call
    totals: list[Array] = []
    columns = np.union1d(portion.columns, portion.others)
    for first in range(0, len(columns), size):
        some = columns[first : first + size]
        part, errors = some_sequences(call, some), of_outputs(call, immediate[call.index], some)
        weights = tuple(W.detach().requires_grad_() for W in call.acting.weights)
        assert call.again is not None  # or all sequences are compared
        with torch.enable_grad():
            outputs = call.again(part.x, part.batch_sizes, part.states, weights)
        sent = [(o, e) for o, e in zip(outputs, errors, strict=True) if e is not None]
        wanted = [own[1] for own in replace(call.acting, weights=weights).per_layer]
        grads = gradients([o for o, _ in sent], [e for _, e in sent], wanted, keep_graph=False)
        own = [
            np.zeros(W.shape) if grad is None else to_numpy(grad).astype(np.float64)
            for W, grad in zip(wanted, grads, strict=True)
        ]
        totals = [a + b for a, b in zip(totals, own, strict=True)] if totals else own
    return totals


def _of(strand: Strand, immediate: Errors, columns: Array) -> Replay:
    """Some sequences of the call, run again."""
    (start,) = strand.starts
    call = some_sequences(start.call, columns)
    n = len(columns)
    alone = Chain([replace(start, call=call, rows=[None] * n, resets=[False] * n)])
    errors: Errors = {call.index: list(of_outputs(start.call, immediate[call.index], columns))}
    return replay(strands_of([alone])[0], errors)
