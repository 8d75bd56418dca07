"""Options that several commands share, and how progress is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bptt.arrays import Array
    from bptt.data import Series, Text
    from bptt.data.tasks import Task
    from bptt.network import Network
    from bptt.training import Progress

Data = Annotated[
    str,
    typer.Option(
        help='"text" (the documentation that comes with Python), "vowels" or "acsf1" (need '
        "bptt[data]), a task (bptt tasks lists them), or a file: .npz or .csv of labelled sequences, "
        "else a UTF-8 text."
    ),
]
Cell = Annotated[str, typer.Option(help="rnn, lstm or gru.")]
Layers = Annotated[int, typer.Option(help="Layers on top of one another.")]
Bidirectional = Annotated[
    bool, typer.Option("--bidirectional", help="Run each layer both ways (not for text).")
]
Hidden = Annotated[int, typer.Option(help="Units of each layer.")]
ActivationName = Annotated[
    str,
    typer.Option(
        help="Of rnn: tanh, relu, leaky_relu, logistic, softsign, hard_tanh, identity or scaled_tanh."
    ),
]
GivenActivation = Annotated[
    str | None,  # None: not given, and the weights of a plain RNN do not tell
    typer.Option(
        help="Of rnn: tanh (if none is given), relu, leaky_relu, logistic, softsign, hard_tanh, "
        "identity or scaled_tanh. Of a plain RNN that PyTorch saved: tanh or relu, to be given."
    ),
]
Recurrent = Annotated[
    str | None,
    typer.Option(help="Name of the recurrent module, where PyTorch's file holds several."),
]
Readout = Annotated[
    str | None,
    typer.Option(help="Name of the linear layer that reads the states, where several fit."),
]
Init = Annotated[
    str, typer.Option(help="Initial weights: pytorch, glorot, orthogonal, identity or gaussian.")
]
Gain = Annotated[float, typer.Option(help="Multiplies the initial W_R.")]
Seed = Annotated[int, typer.Option(help="Seed of the initial weights.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@contextmanager
def training_bar(label: str) -> Iterator[Callable[["Progress"], None]]:
    """A bar on standard error: updates, speed, time left, loss, and how often clipping was active."""
    from bptt.presentation.progress import bar

    with bar(label) as update:

        def show(progress: "Progress") -> None:
            clipped = f"clipping active in {progress.clipped / progress.done:.0%}"
            note = f"{progress.loss:.2f} {progress.unit}, {clipped}"
            update(progress.done, progress.updates, note=note)

        yield show


def usual_updates(data: "Text | Series | Task", batch: int) -> int:
    """About ten seconds of training, a minute at most."""
    from bptt.data import Text
    from bptt.data.tasks import Task

    if isinstance(data, Text):
        return 2000
    if isinstance(data, Task):
        return max(20, min(2000, 4_000_000 // (data.steps * batch)))
    T, B, _ = data.train.x.shape
    return int(max(20, min(500, 4_000_000 // (T * min(batch, B)))))


def network_from_torch(
    path: Path,
    tensors: "dict[str, Array]",
    data: str,
    activation: str | None,
    recurrent: str | None,
    readout: str | None,
) -> "tuple[Network, Series, list[tuple[str, str]]]":
    """The network in PyTorch's weights, the sequences that go with it, and what is to be said of both."""
    from dataclasses import replace

    from bptt.models.state_dict import network_of, parts_of

    parts = parts_of(tensors, recurrent=recurrent, readout=readout, path=path)
    series = stored_series(data)
    network = network_of(
        tensors, activation=activation, recurrent=parts.recurrent, readout=parts.readout,
        loss=series.loss, loss_at=series.loss_at, path=path,
    )  # fmt: skip
    check_sizes(network, series, path, data)
    facts = [("model", path.name)]
    facts += [(n, p) for n, p in (("recurrent", parts.recurrent), ("readout", parts.readout)) if p]
    if series.loss_at == "last" and network.stack.outputs > network.layer.hidden:
        facts.append(("read at the end", "the last state of either direction, h_n"))
    if parts.rest:
        more = f" and {len(parts.rest) - 4} more" if len(parts.rest) > 4 else ""
        facts.append(("in the file and not used", ", ".join(parts.rest[:4]) + more))
    # A batch need not hold every class that the readout knows.
    return network, replace(series, outputs=len(network.b_O)), facts


def stored_series(source: str) -> "Series":
    """All sequences of a .npz file, as they stand there: what a trained network reads is not scaled anew.

    Raises:
        FileError: if the file is missing or not what it says.
        OptionError: if it is no .npz file.
    """
    from dataclasses import replace

    import numpy as np

    from bptt.data import Batch, Series
    from bptt.errors import OptionError

    if Path(source).suffix != ".npz":
        raise OptionError(
            "data", "a .npz file for a network that PyTorch saved", repr(source),
            "Give --data batch.npz with the arrays x (T, B, I), as the model reads them, and targets.",
        )  # fmt: skip
    series = Series.load(source)  # refuses whatever does not fit, and scales a copy
    with np.load(source, allow_pickle=False) as found:
        x, targets = found["x"], found["targets"]
        lengths = found["lengths"] if "lengths" in found else np.full(x.shape[1], len(x))
    T, per_step = int(lengths.max()), targets.ndim == 2
    inside = np.arange(T)[:, None] < lengths
    x = np.where(inside[..., None], x[:T], x.dtype.type(0))
    if per_step:
        targets = np.where(inside, targets[:T], targets.dtype.type(0))
    if series.loss == "mse":
        targets = targets[..., None]
    whole = Batch(x, targets, lengths, per_step)
    return replace(series, train=whole, held_out=whole)


def check_sizes(network: "Network", series: "Series", path: Path, source: str) -> None:
    """Refuse a batch that the network cannot read or be judged by.

    Raises:
        FileError: naming the batch, what the weights ask for and what came.
    """
    from bptt.errors import FileError

    I, O = network.stack.inputs, len(network.b_O)
    if series.inputs != I:
        raise FileError(
            source, f"x (T, B, {I}), for {path.name} reads {I} numbers a step",
            str(series.train.x.shape), "Save what the recurrent layers read; time first, then batch.",
        )  # fmt: skip
    if series.loss == "mse" and O != 1:
        raise FileError(
            source, f"integer targets, classes from 0 to {O - 1}, for {path.name} has {O} outputs",
            "numbers with a decimal point", "Save the classes as integers.",
        )  # fmt: skip
    if series.loss == "cross_entropy" and O == 1:
        raise FileError(
            source, f"targets with a decimal point, for {path.name} has one output", "integers",
            "Save numbers as floats; for a yes or no, bptt.diagnose in Python takes the model itself.",
        )  # fmt: skip
    if series.outputs > O:
        raise FileError(
            source, f"classes from 0 to {O - 1}, for {path.name} has {O} outputs",
            f"class {series.outputs - 1}", "Number the classes as in training.",
        )  # fmt: skip
