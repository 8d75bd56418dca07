"""The states that a run carries from batch to batch, and the network as one batch reads it."""

from typing import Any

from bptt.arrays import Array
from bptt.network import Network, Run
from bptt.network.losses import LossAt, as_loss_at

State = list[tuple[Array, ...]]  # (h,) or (h, c) per layer, each (B, H)


def at_rest(network: Network, batch: int) -> State:
    """Zero states of every layer."""
    return [layer.initial_state(batch, None, None) for layer in network.stack.layers]


def carried(x: Array, targets: Array, state: State) -> dict[str, Any]:
    """The arguments of ``network.run`` with states carried in."""
    h0: Any = [part[0] for part in state]
    c0: Any = [part[1] if len(part) == 2 else None for part in state]
    if len(state) == 1:
        (h0,), (c0,) = h0, c0
    return {"x": x, "targets": targets, "h0": h0, "c0": c0}


def final(run: Run) -> State:
    """The states after the last step."""
    return [tuple(part[-1] for part in trace.states) for trace in run.stack_trace.traces]


def reading(network: Network, loss_at: LossAt) -> Network:
    """The same network, the same arrays, with the loss at other steps: those of another length.

    >>> import bptt
    >>> network = bptt.Network.init(2, 4, 3, loss_at=[8, 9], rng=0)
    >>> other = reading(network, [18, 19])
    >>> other.loss_at, other.W_O is network.W_O
    ((18, 19), True)
    """
    if as_loss_at(loss_at) == network.loss_at:
        return network
    return Network(network.body, network.W_O, network.b_O, network.loss, loss_at)
