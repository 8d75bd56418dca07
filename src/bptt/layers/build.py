"""Layers from a few words, and their weights by name: for fresh networks and for files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bptt import files
from bptt.arrays import Array, as_choice, as_flag, as_whole, check_memory
from bptt.cells.activations import ACTIVATIONS, Activation, Pair
from bptt.errors import FileError
from bptt.layers.kinds import KINDS
from bptt.layers.layer import Layer
from bptt.layers.levels import Bidirectional, Level
from bptt.layers.stack import Stack

OBJECT = 2000  # bytes of a layer beside its weights


def build(
    cell: str,
    inputs: int,
    hidden: int,
    layers: int,
    bidirectional: bool,
    scheme: str,
    activation: str | Pair | Activation,
    gain: float,
    rng: np.random.Generator,
    dtype: npt.DTypeLike,
) -> Level | Stack:
    """Fresh layers of one kind: a layer or pair where there is one level, else a stack.

    Args:
        cell: a name in ``KINDS``.
        inputs: I of the lowest level.
        hidden: H of every layer.
        layers: how many levels.
        bidirectional: whether each level reads both ways.
        scheme: of the weights, see ``bptt.cells.initialise``.
        activation: φ of plain RNNs.
        gain: multiplies every W_R.
        rng: draws the weights.
        dtype: float32 or float64.

    Raises:
        OptionError: if a name or number is outside its choices.
    """
    as_choice("cell", cell, KINDS)
    bidirectional = as_flag("bidirectional", bidirectional)
    layers, hidden = as_whole("layers", layers, least=1), as_whole("hidden", hidden, least=1)
    check_memory("hidden", hidden, 8 * hidden**2)
    check_memory("layers", layers, layers * (8 * hidden**2 + OBJECT))

    def one(size: int) -> Layer:
        return KINDS[cell].init(
            size, hidden, scheme, activation=activation, gain=gain, rng=rng, dtype=dtype
        )

    levels: list[Level] = []
    for _ in range(layers):
        levels.append(Bidirectional(one(inputs), one(inputs)) if bidirectional else one(inputs))
        inputs = hidden * (1 + bidirectional)
    return levels[0] if layers == 1 else Stack(levels)


def replaced(body: Level | Stack, layers: Sequence[Layer]) -> Level | Stack:
    """The same levels with other layers, bottom first, forward before backward."""
    queue = iter(layers)

    def one(level: Level) -> Level:
        if isinstance(level, Bidirectional):
            return Bidirectional(next(queue), next(queue))
        return next(queue)

    return Stack([one(level) for level in body.levels]) if isinstance(body, Stack) else one(body)


def named_tensors(
    stack: Stack, values: Sequence[dict[str, Array]] | None = None
) -> dict[str, Array]:
    """Per-layer values (the parameters if not given) under one name each.

    "W_R" where there is one layer, else "lstm.0.W_R".
    """
    values = [layer.parameters() for layer in stack.layers] if values is None else values
    prefixes = [""] if len(values) == 1 else [f"{name}." for name in stack.names]
    return {
        prefix + name: value
        for prefix, part in zip(prefixes, values, strict=True)
        for name, value in part.items()
    }


def described(stack: Stack) -> str:
    """The levels in a line: "lstm+lstm,gru,rnn:tanh"; + joins both directions.

    Raises:
        FileError: if an activation is a pair of functions.
    """

    def one(layer: Layer) -> str:
        if KINDS.get(layer.cell.name) is not type(layer):
            raise FileError(
                "cell", "one of " + ", ".join(KINDS), layer.cell.name,
                "Save network.parameters() yourself and rebuild the network in Python.",
            )  # fmt: skip
        if not layer.cell.choose_phi:
            return layer.cell.name
        if layer.phi.name not in ACTIVATIONS:
            raise FileError(
                "activation", "a built-in one, which a file can name", "a pair of functions",
                "Save network.parameters() yourself and rebuild the network in Python.",
            )  # fmt: skip
        return f"{layer.cell.name}:{layer.phi.name}"

    return ",".join(
        "+".join(map(one, level.layers if isinstance(level, Bidirectional) else [level]))
        for level in stack.levels
    )


def rebuilt(path: str | Path, description: str, tensors: dict[str, Array]) -> Stack:
    """The stack that ``described`` and ``named_tensors`` wrote.

    Args:
        path: of the file, for the errors.
        description: as ``described`` gives it.
        tensors: arrays by name, as ``named_tensors`` gives them.

    Raises:
        FileError: if the description makes no sense, or an array is missing.
        ShapeError, DTypeError, NonFiniteError: if the arrays do not make a layer.
    """
    levels = [level.split("+") for level in description.split(",")]
    single = len(levels) == 1 and len(levels[0]) == 1

    def one(word: str, prefix: str) -> Layer:
        kind, _, activation = word.partition(":")
        if kind not in KINDS:
            raise FileError(
                str(path), "levels of " + ", ".join(KINDS), repr(description),
                "Save the model with bptt train or network.save.",
            )  # fmt: skip
        cell = KINDS[kind].cell
        names = ["W_F", "W_R", "b", *cell.bias_names]
        full = [prefix + name for name in names]
        files.check_names(path, tensors, full, "a network saved by bptt")
        arrays: list[Any] = [tensors[name] for name in full]
        if cell.choose_phi:
            return KINDS[kind](*arrays, activation=activation or "tanh")
        return KINDS[kind](*arrays)

    rebuilt_levels: list[Level] = []
    for number, words in enumerate(levels):
        ends = [""] if len(words) == 1 else [".forward", ".backward"]
        if len(words) > 2:
            raise FileError(
                str(path), "one or two directions", repr(description), "Save the model again."
            )
        prefixes = [
            "" if single else f"{word.partition(':')[0]}.{number}{end}."
            for word, end in zip(words, ends, strict=True)
        ]
        parts = [one(word, prefix) for word, prefix in zip(words, prefixes, strict=True)]
        rebuilt_levels.append(parts[0] if len(parts) == 1 else Bidirectional(*parts))
    return Stack(rebuilt_levels)
