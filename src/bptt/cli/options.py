"""Options that several commands share, and how the progress of a training is shown."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bptt.cli.panels import DATA, MODEL, OUTPUT, TRAINING

if TYPE_CHECKING:
    from bptt.training import Progress

ModelFile = Annotated[
    Path | None,
    typer.Option(
        help="A network that bptt train saved, the weights of a PyTorch model (.safetensors, .pt, .pth, "
        ".bin or .ckpt), or a model of Keras (.keras, .h5) or in ONNX (.onnx). Without it, a new network is used.",
        rich_help_panel=MODEL,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help='"text" (the documentation that comes with Python; the default), "vowels" or "acsf1" (both '
        'need bptt[data]), "noise", a task (bptt tasks lists them), or a file: labelled sequences '
        "(.npz, .csv, .tsv, .parquet, .feather, .xlsx) or a UTF-8 text (.txt, .md or no ending). The default for a saved network is what it was trained on.",
        rich_help_panel=DATA,
    ),
]
Inputs = Annotated[
    str | None,
    typer.Option(
        help="Columns of a file of sequences that the network reads, such as ax,ay,az; for a .npz file, the array. "
        "The default is all other columns, or the array x, inputs or data.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        help="Column or array of a file of sequences that holds the targets. The default is target or label in a "
        "table, and y, targets or labels in a .npz file.",
    ),
]
SequenceColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of a table that distinguishes the sequences. The default is sequence or id; a table without one is "
        "a single sequence.",
    ),
]
BatchFirst = Annotated[
    bool | None,
    typer.Option(
        "--batch-first/--time-first",
        help="Whether the arrays of a .npz file are (batch, time, inputs) or (time, batch, inputs). The default "
        "is inferred from their shapes.",
    ),
]
Cell = Annotated[
    str, typer.Option(help="The cell: rnn, lstm, gru or cho_gru.", rich_help_panel=MODEL)
]
Layers = Annotated[int, typer.Option(help="Number of layers.")]
Bidirectional = Annotated[
    bool, typer.Option("--bidirectional", help="Run each layer in both directions (not on text).")
]
Hidden = Annotated[int, typer.Option(help="Units of each layer.", rich_help_panel=MODEL)]
Activation = Annotated[
    str | None,
    typer.Option(
        help="Activation of an rnn: tanh (the default), relu, leaky_relu, logistic, softsign, hard_tanh, "
        "identity or scaled_tanh."
    ),
]
ModelActivation = Annotated[
    str | None,  # None: not given, and the weights of a plain RNN do not tell
    typer.Option(
        help="Activation of an rnn: tanh (the default), relu, leaky_relu, logistic, softsign, hard_tanh, "
        "identity or scaled_tanh. For the weights of PyTorch's nn.RNN it must be given: tanh or relu."
    ),
]
Recurrent = Annotated[
    str | None,
    typer.Option(help="Name of the recurrent module, if PyTorch's file holds several."),
]
Readout = Annotated[
    str | None,
    typer.Option(help="Name of the linear layer that reads the states, if several fit."),
]
Init = Annotated[
    str, typer.Option(help="Initial weights: pytorch, glorot, orthogonal, identity or gaussian.")
]
Gain = Annotated[float, typer.Option(help="Factor by which the initial W_R is multiplied.")]
Seed = Annotated[int, typer.Option(help="Seed of the initial weights.")]
NeededLag = Annotated[
    int | None,
    typer.Option(
        help="How far back the task needs the gradient to reach. The default is the task's own, or half the "
        "sequence.",
        rich_help_panel=DATA,
    ),
]
MeasuredLength = Annotated[
    int | None,
    typer.Option(
        help="Length of a task (100, or that of the training), or time steps of each measured sequence of "
        "text (128)."
    ),
]
LearningRate = Annotated[float, typer.Option(help="Learning rate of the training, with Adam.")]
BatchSize = Annotated[int, typer.Option(help="Batch size of the training.")]
Clip = Annotated[
    float, typer.Option(help="Largest norm of the gradient in the training; 0 never clips.")
]
Omega = Annotated[
    float, typer.Option(help="Weight of Pascanu's regulariser, for plain RNNs; 0 leaves it out.")
]
Page = Annotated[Path, typer.Option(help="Page to write (.html).", rich_help_panel=OUTPUT)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Width = Annotated[
    str | None,
    typer.Option(
        help="Width of the figure: one or two columns, or millimetres. The default is one column, 88 mm.",
        metavar="WIDTH",
    ),
]
Style = Annotated[
    Path | None,
    typer.Option(help="TOML file with font, sizes, widths and colours of the figure."),
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write no page.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file of --out if it exists.")
]


def planned_updates(made: str) -> Any:
    """The option for the budget of a command.

    Args:
        made: how many of the updates the command makes itself, a sentence.
    """
    return typer.Option(
        help=f"Weight updates of the whole training that you plan. {made}", rich_help_panel=TRAINING
    )


@contextmanager
def training_bar(label: str) -> Iterator[Callable[["Progress"], None]]:
    """A bar on standard error: updates, speed, time left, loss, and how often clipping was active."""
    from bptt.presentation.formatting import percent
    from bptt.presentation.progress import bar

    with bar(label) as update:

        def show(progress: "Progress") -> None:
            clipped = f"clipping active in {percent(progress.clipped / progress.done)}"
            note = f"{progress.loss:.2f} {progress.unit}, {clipped}"
            update(progress.done, progress.updates, note=note)

        yield show
