"""Why training left the range of its numbers: in which parameter, in which layer, at which lag or time step.

The batch at fault is run once more. Where the forward pass holds, the gradient by lag, whose scales are kept
in the log, says at which lag the error signal left the type's range, or grew the most.
"""

from pathlib import Path
from typing import Any

import numpy as np

from bptt import kernels
from bptt.arrays import Array
from bptt.errors import BpttError, DivergenceError, NonFiniteError
from bptt.gradients.by_lag import LagProfile, by_lag
from bptt.layers.inputs import as_inputs
from bptt.layers.levels import level_forward, level_layers, level_outputs
from bptt.layers.sequences import in_reverse, inside
from bptt.network import Network, Run
from bptt.training.window import Past, joined

CURE = "Lower the learning rate or clip the gradient (clip=1.0)."


def left(path: str | Path | None, saved: int | None) -> str:
    """Which checkpoint there is to go on from, in a sentence."""
    if path is None:
        return ""
    if saved is None:
        return " No checkpoint was written yet."
    return f" The last good checkpoint is {path}, at update {saved}."


def check_finite(network: Network, optimiser: dict[str, Array], update: int, kept: str) -> None:
    """Refuse weights, or an optimiser's state, that are not finite: no file shall hold them.

    Args:
        network: the weights.
        optimiser: the optimiser's state.
        update: after which they are looked at.
        kept: from ``left``.

    Raises:
        DivergenceError: naming the parameter.
    """
    for name, value in (network.parameters() | optimiser).items():
        if not np.isfinite(value).all():
            raise DivergenceError(
                f"update {update}", "finite weights", f"NaN or infinity in {name} after it",
                CURE + kept, update=update, parameter=name,
            )  # fmt: skip


def diverged(
    network: Network, arguments: dict[str, Any], past: Past, update: int, kept: str
) -> DivergenceError:
    """The error that says where an update left the type's range.

    Args:
        network: the weights before the update.
        arguments: of ``network.run``, the batch.
        past: the time steps before it that its gradient reaches.
        update: counted from 1.
        kept: from ``left``.
    """
    where: dict[str, Any] = {"update": update}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, value in network.parameters().items():
            if not np.isfinite(value).all():
                got = f"{name} is no longer finite after update {update - 1}"
                return _error(got, kept, where | {"parameter": name})
        overflow = _first_overflow(network, arguments)
        if overflow is not None:
            layer, time = overflow
            got = f"the forward pass of {layer} overflows {network.stack.dtype} at time step {time}"
            return _error(got, kept, where | {"layer": layer, "time": time})
        run = network.run(**arguments)
        if not np.isfinite(run.do).all() or not np.isfinite(run.dh).all():
            bad = ~(
                np.isfinite(run.do).all((1, 2)) & np.isfinite(run.dh[run.loss_steps]).all((1, 2))
            )
            time = int(run.loss_steps[np.argmax(bad)])
            got = f"loss {run.E}: the readout or its error overflows at time step {time}"
            return _error(got, kept, where | {"parameter": "W_O", "time": time})
        whole = joined(past, run)
        parameter = _parameter(network, whole)
        got = f"a gradient of {parameter} beyond {network.stack.dtype}"
        at_lag = _lag(network, whole)
        if at_lag is not None:
            layer, lag, how = at_lag
            got, where = f"{got}; {how}", where | {"layer": layer, "lag": lag}
        return _error(got, kept, where | {"parameter": parameter})


def _error(got: str, kept: str, where: dict[str, Any]) -> DivergenceError:
    return DivergenceError(
        f"update {where['update']}", "a finite loss and gradient", got, CURE + kept, **where
    )


def _first_overflow(network: Network, arguments: dict[str, Any]) -> tuple[str, int] | None:
    """The layer and the time step, in the layer's own order, at which a state is not finite first."""
    stack, lengths = network.stack, arguments.get("lengths")
    x: Array = as_inputs(arguments["x"], stack.inputs, stack.dtype, lengths)
    T, B, _ = x.shape
    single = len(stack.layers) == 1
    initial = [
        [value] if single else value or [None] * len(stack.layers)
        for value in (arguments.get("h0"), arguments.get("c0"))
    ]
    states0, names = list(zip(*initial, strict=True)), list(stack.names)
    for level in stack.levels:
        layers = level_layers(level)
        for direction, layer in enumerate(layers):
            read = in_reverse(x, lengths) if direction else x
            _, states = kernels.forward(
                layer.weights, np.ascontiguousarray(read),
                layer.initial_state(B, *states0[direction]), None,
            )  # fmt: skip
            bad = ~np.logical_and.reduce([np.isfinite(state[1:]).all(2) for state in states])
            if lengths is not None:
                bad &= inside(lengths, T)
            if bad.any():
                return names[direction], int(np.argmax(bad.any(1)))
        x = np.ascontiguousarray(
            level_outputs(level_forward(level, x, states0[: len(layers)], lengths, None))
        )
        states0, names = states0[len(layers) :], names[len(layers) :]
    return None


def _parameter(network: Network, run: Run) -> str:
    """The parameter whose gradient is not finite, else the one whose is the largest."""
    try:
        grads = network.backward(run)
    except NonFiniteError:  # the error overflowed on its way to a layer below
        return network.stack.names[-2] + ".W_R"
    size = {name: float(np.abs(grads[name]).max()) for name in network.parameters()}
    broken = [name for name, value in size.items() if not np.isfinite(value)]
    return broken[0] if broken else max(size, key=lambda name: size[name])


def _lag(network: Network, run: Run) -> tuple[str, int, str] | None:
    """The layer and lag at which the signal left the type's range, or grew the most, and how to say so."""
    try:
        profiles = by_lag(run.stack_trace, run.dh)
    except BpttError:  # no error at all, or one that no scale holds
        return None
    dtype = network.stack.dtype
    limit = float(np.log10(np.finfo(dtype).max))

    def beyond(profile: LagProfile) -> list[int]:
        return [int(k) for k in np.flatnonzero(profile.log10_signal > limit)[:1]]

    named = list(zip(network.stack.names, profiles, strict=True))
    passed = [(k, name) for name, p in named for k in beyond(p)]
    if passed:
        lag, layer = min(passed)
        return layer, lag, f"the error signal of {layer} passes the type's range at lag {lag}"
    # The signal fits, but not times the states that it meets.
    passed = [(p.overflow_lag, name) for name, p in named if p.overflow_lag is not None]
    if passed:
        lag, layer = min(passed)
        return layer, lag, f"what lag {lag} adds to it in {layer} alone passes the type's range"
    layer, profile = max(named, key=lambda pair: float(pair[1].log10_growth.max()))
    lag = int(profile.log10_growth.argmax())
    grown = float(profile.log10_growth[lag])
    return layer, lag, f"the error signal of {layer} grows 10^{grown:.1f}-fold by lag {lag}"
