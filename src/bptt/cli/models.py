"""The model of a command: its options, refused where they have no effect."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt.cli.context import refuse

if TYPE_CHECKING:
    from bptt.models import Model

FRESH = ("cell", "layers", "hidden", "bidirectional", "init", "gain")


def open_model(
    path: Path | None,
    data: str | None,
    length: int | None,
    *,
    activation: str | None,
    recurrent: str | None,
    readout: str | None,
    dtype: str = "float32",
    unused: tuple[str, ...] = (),
    **sizes: Any,
) -> "Model":
    """The model in a file, or a fresh one, with its data.

    Args:
        path: of the file; None makes a fresh network.
        data: as the option says it; None is the text, or what a saved network was trained on.
        length: of a task or of measured sequences of text.
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

    refuse((*FRESH, *unused), path is not None, "with --model, which holds a network")
    refuse(
        ("recurrent", "readout"), path is None, "without --model and the weights of a PyTorch model"
    )
    if path is not None:
        return models.load(
            path, data, length, activation=activation, recurrent=recurrent, readout=readout
        )
    refuse_activation(sizes["cell"])
    return models.fresh(
        data or "text", length, dtype=dtype, activation=activation or "tanh", **sizes
    )


def refuse_activation(cell: str) -> None:
    """Gated cells have none to choose.

    Raises:
        OptionError: if one was chosen.
    """
    refuse(("activation",), cell in ("lstm", "gru"), f"for {cell}, whose activations are fixed")


def refuse_length(model: "Model") -> None:
    """Sequences of a set or a file have a length of their own.

    Raises:
        OptionError: if another was given.
    """
    from bptt.data import Series

    fixed = isinstance(model.data, Series)
    refuse(("length",), fixed, f"for {model.source}, whose sequences have a length of their own")
