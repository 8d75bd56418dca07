"""A call over so many sequences that they are run again a few at a time: those that are kept, and the others to be compared alone."""

from dataclasses import replace

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.loss_steps import error_rows
from bptt.gradients.by_lag.total import whole
from bptt.layers import StackTrace
from bptt.torch_models.capture import Chain, Errors
from bptt.torch_models.capture.some_sequences import of_outputs, some_sequences
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
    others = np.setdiff1d(np.arange(portion.of), portion.columns)
    for first in range(0, len(others), size):
        part = _gradient_alone(strand, immediate, others[first : first + size])
        for total, own in zip(totals, part, strict=True):
            total += own
    return replace(kept, portion=portion, whole=totals)


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


def _of(strand: Strand, immediate: Errors, columns: Array) -> Replay:
    """Some sequences of the call, run again."""
    (start,) = strand.starts
    call = some_sequences(start.call, columns)
    n = len(columns)
    alone = Chain([replace(start, call=call, rows=[None] * n, resets=[False] * n)])
    errors: Errors = {call.index: list(of_outputs(start.call, immediate[call.index], columns))}
    return replay(strands_of([alone])[0], errors)
