"""Networks that nobody chose: every kind of cell and activation, any scale, drawn from a seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import bptt
from bptt.cells.activations import ACTIVATIONS

CELLS = {"rnn": bptt.RNN, "lstm": bptt.LSTM, "gru": bptt.GRU}
ENDS = {"float32": (-40, 34), "float64": (-310, 100)}  # log10 of the weights' sizes at the extremes


@dataclass(eq=False)
class Drawn:
    """A network with its data, and the arguments of ``bptt.by_lag``.

    Attributes:
        words: what it is.
        stack: the network.
        forward: arguments of its forward pass.
        dh: immediate errors: at the top (T, B, O), or a list per layer.
        options: of ``bptt.by_lag``.
    """

    words: str
    stack: bptt.Stack
    forward: dict[str, Any]
    dh: Any
    options: dict[str, Any]


def draw(seed: int, number: int) -> Drawn:
    """Network ``number`` of a seed."""
    rng = np.random.default_rng([seed, number])
    dtype = rng.choice(["float32", "float64"])
    T, B, I = (int(rng.integers(1, most + 1)) for most in (14, 4, 4))
    extreme, unstandardised = rng.random() < 0.3, rng.random() < 0.15
    levels, words, inputs = [], [], I
    both = rng.random() < 0.3
    for _ in range(int(rng.integers(1, 4))):
        ways = 2 if both and rng.random() < 0.7 else 1
        H = int(rng.integers(1, 6))
        layers = [_layer(rng, inputs, H, dtype, extreme) for _ in range(ways)]
        words.append(
            "+".join(layer.phi.name if layer.kind == "rnn" else layer.kind for layer in layers)
        )
        levels.append(layers[0] if ways == 1 else bptt.Bidirectional(*layers))
        inputs = ways * H
    stack = bptt.Stack(levels)
    size = (
        10 ** rng.uniform(1, 5)
        if unstandardised
        else _size(rng, dtype, extreme and rng.random() < 0.3)
    )
    forward = {"x": _array(rng, (T, B, I), size, dtype)}
    if rng.random() < 0.3:
        forward["h0"] = [_array(rng, (B, layer.hidden), 1.0, dtype) for layer in stack.layers]
        forward["c0"] = [
            _array(rng, (B, layer.hidden), 1.0, dtype) if layer.kind == "lstm" else None
            for layer in stack.layers
        ]
    if rng.random() < 0.3:
        forward["lengths"] = rng.integers(1, T + 1, B)
    if rng.random() < 0.3:
        forward["resets"] = rng.random((T, B)) < 0.15
    if rng.random() < 0.25:
        widths = [I, *(sum(layer.hidden for layer in _of(level)) for level in levels[:-1])]
        forward["masks"] = [
            None if rng.random() < 0.5 else (2.0 * (rng.random((T, B, n)) < 0.5)).astype(dtype)
            for n in widths
        ]
    dh = _errors(rng, stack, T, B, forward.get("lengths"), _size(rng, dtype, extreme), dtype)
    options: dict[str, Any] = {}
    if rng.random() < 0.25:
        options["max_lag"] = int(rng.integers(0, T + 2))
    if rng.random() < 0.2:
        options["loss_chunk"] = int(rng.integers(1, T + 1))
    marks = [name for name in ("h0", "lengths", "resets", "masks") if name in forward]
    about = f"{' / '.join(words)}, {dtype}, T={T}, B={B}, |x|={size:.1e}"
    return Drawn(
        ", ".join([about, *marks, *(f"{k}={v}" for k, v in options.items())]),
        stack,
        forward,
        dh,
        options,
    )


def _of(level):
    return level.layers if isinstance(level, bptt.Bidirectional) else (level,)


def _size(rng, dtype, extreme):
    return float(10 ** (rng.uniform(*ENDS[dtype]) if extreme else rng.uniform(-2, 1)))


def _array(rng, shape, size, dtype):
    array = rng.normal(size=shape)
    if rng.random() < 0.1:
        array *= rng.random(shape) < 0.5
    with np.errstate(under="ignore"):
        return (array * size).astype(dtype)


def _layer(rng, inputs, H, dtype, extreme):
    kind = str(rng.choice(list(CELLS)))
    rows = {"rnn": 1, "lstm": 4, "gru": 3}[kind] * H
    W_F = _array(rng, (rows, inputs), _size(rng, dtype, extreme and rng.random() < 0.5), dtype)
    gain = _size(rng, dtype, True) if extreme and rng.random() < 0.5 else 10 ** rng.uniform(-1.5, 1)
    W_R = _array(rng, (rows, H), gain / H**0.5, dtype)
    b = _array(rng, (rows,), 10 ** rng.uniform(-2, 1), dtype)
    if kind == "rnn":
        return bptt.RNN(W_F, W_R, b, str(rng.choice(list(ACTIVATIONS))))
    if kind == "gru":
        return bptt.GRU(W_F, W_R, b, _array(rng, (H,), 1.0, dtype))
    return bptt.LSTM(W_F, W_R, b)


def _errors(rng, stack, T, B, lengths, size, dtype):
    """Losses at every step, at the last, or at some; on the top, or on every layer's whole state."""
    inside = np.ones((T, B), bool) if lengths is None else np.arange(T)[:, None] < lengths
    at = [np.ones(T, bool), np.arange(T) == T - 1, rng.random(T) < 0.3][int(rng.integers(3))]
    ends = inside & ~np.vstack([inside[1:], np.zeros((1, B), bool)])
    where = ends if at.sum() == 1 else inside & at[:, None]
    if not where.any():
        where = inside
    everywhere = rng.random() < 0.15
    widths = [layer.state_size for layer in stack.layers] if everywhere else [stack.outputs]
    errors = [_array(rng, (T, B, n), size, dtype) * where[..., None] for n in widths]
    if not any(d.any() for d in errors):
        errors[-1][inside] = dtype and np.asarray(1, dtype)
    return errors if everywhere else errors[0]
