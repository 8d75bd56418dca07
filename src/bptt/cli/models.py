"""The model of a command: its options, refused where they have no effect."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt.cli.context import refuse

if TYPE_CHECKING:
    from bptt.data import Data as AnyData
    from bptt.models import Model

FRESH = ("cell", "layers", "hidden", "bidirectional", "init", "gain")


def open_model(
    path: Path | None,
    data: str | None,
    length: int | None,
    *,
    reading: tuple[str | None, str | None, str | None, bool | None],
    activation: str | None,
    recurrent: str | None,
    readout: str | None,
    dtype: str = "float32",
    unused: tuple[str, ...] = (),
    **sizes: Any,
) -> "Model":
    """The model in a file, or a fresh one, with its data; of a file of sequences it is said what was read.

    Args:
        path: of the file; None makes a fresh network.
        data: as the option says it; None is the text, or what a saved network was trained on.
        length: of a task or of measured sequences of text.
        reading: inputs, target, sequence and batch_first of a file of sequences, as the options say them.
        activation: of a fresh RNN, or of a plain RNN that PyTorch saved.
        recurrent: name of a module in PyTorch's file.
        readout: the same.
        dtype: of a fresh network.
        unused: more options of the command that have no effect on a saved network.
        sizes: cell, layers, hidden, bidirectional, init, gain and seed of a fresh network.

    Raises:
        FileError: if a file is missing or not what it says.
        OptionError: if options do not go together.
    """
    from bptt import models
    from bptt.data import Reading

    refuse((*FRESH, *unused), path is not None, "with --model, which holds a network")
    refuse(
        ("recurrent", "readout"), path is None, "without --model and the weights of a PyTorch model"
    )
    said = Reading.of(*reading)
    if path is not None:
        opened = models.load(
            path, data, length, said, activation=activation, recurrent=recurrent, readout=readout
        )
    else:
        refuse_activation(sizes["cell"])
        opened = models.fresh(
            data or "text", length, said, dtype=dtype, activation=activation or "tanh", **sizes
        )
    say_what_was_read(opened.data)
    return opened


def say_what_was_read(data: "AnyData") -> None:
    """One line on standard error about a file of sequences, before anything is made of it."""
    from bptt.data import Series

    if isinstance(data, Series) and data.description:
        print(f"{data.name}: {data.description}.", file=sys.stderr)


def refuse_activation(cell: str) -> None:
    """Gated cells have none to choose.

    Raises:
        OptionError: if one was chosen.
    """
    from bptt.layers.kinds import KINDS

    fixed = cell in KINDS and not KINDS[cell].cell.choose_phi
    refuse(("activation",), fixed, f"for {cell}, whose activations are fixed")


def refuse_length(model: "Model") -> None:
    """Sequences of a set or a file have a length of their own.

    Raises:
        OptionError: if another was given.
    """
    from bptt.data import Series

    fixed = isinstance(model.data, Series)
    refuse(("length",), fixed, f"for {model.source}, whose sequences have a length of their own")
