"""The controls of the page, and which of them have no effect."""

from typing import Any

import marimo as mo

from bptt.cells.activations import ACTIVATIONS
from bptt.cells.initialise import SCHEMES
from bptt.configuration import Configuration
from bptt.lab.exercises import OneUnit
from bptt.lab.held import held
from bptt.lab.sequences import AXES, ENDINGS, TOLD
from bptt.lab.upload import DATA, MAX_BYTES
from bptt.layers.kinds import KINDS

CELLS = tuple(KINDS)
HIDDEN = (4, 8, 16, 32, 64, 128)
LOSS_AT = ("last", "every")
# Of sliders: least, most, and a step. Their names are those of a setting, and of the unit of the scalar network.
RANGES: dict[str, tuple[float, float, float]] = {
    "gain": (0, 3, 0.01), "input_variance": (0, 4, 0.05), "length": (20, 300, 10), "bias": (-2, 8, 0.1),
    "weight": (-2, 2, 0.05), "input_weight": (0, 3, 0.1), "steps": (1, 8, 1),
}  # fmt: skip
# What stands beside each of these.
LABELS = {
    "gain": "gain of $W_R$", "variance": "input strength", "activation": "activation $\\varphi$", "init": "initial $W_R$",
    "cell": "cell", "hidden": "hidden units $H$", "length": "length $T$", "loss_at": "loss at step", "data": "data",
    "bias": "bias of the carry, $b_f$", "weight": "weight $W_R$", "input_weight": "input weight $W_F$",
    "phi": "the unit's activation $\\varphi$", "steps": "steps $n$", "everything": "All controls at once, at the side",
}  # fmt: skip


def of_network(setting: Configuration, from_file: bool, own_data: bool) -> tuple[Any, ...]:
    """The controls in the order of their names in the page: what changes nothing cannot be moved.

    Args:
        setting: what they stand at.
        from_file: whether the network comes from a file.
        own_data: whether the sequences do.
    """
    wide: dict[str, Any] = {"show_value": True, "full_width": True}
    of_weights: dict[str, Any] = {"disabled": from_file, "full_width": True}
    controls = (
        mo.ui.slider(*RANGES["gain"], value=setting.gain, label=LABELS["gain"], disabled=from_file, **wide),
        mo.ui.slider(
            *RANGES["input_variance"], value=setting.input_variance, label=LABELS["variance"], disabled=from_file, **wide
        ),
        mo.ui.dropdown(tuple(ACTIVATIONS), value=setting.activation, label=LABELS["activation"], **of_weights),
        mo.ui.dropdown(tuple(SCHEMES), value=setting.init, label=LABELS["init"], **of_weights),
        mo.ui.dropdown(CELLS, value=setting.cell, label=LABELS["cell"], **of_weights),
        mo.ui.slider(
            steps=HIDDEN, value=setting.hidden, label=LABELS["hidden"], disabled=from_file, **wide
        ),
        mo.ui.slider(*RANGES["length"], value=setting.length, label=LABELS["length"], disabled=own_data, **wide),
        mo.ui.dropdown(
            LOSS_AT, value=setting.loss_at or "last", label=LABELS["loss_at"], full_width=True, disabled=own_data
        ),
        mo.ui.dropdown(DATA, value=setting.data, label=LABELS["data"], disabled=own_data),
        mo.ui.slider(*RANGES["bias"], value=setting.bias, label=LABELS["bias"], disabled=from_file, **wide),
    )  # fmt: skip
    return tuple(map(held, controls))


def of_the_page() -> Any:
    """Whether all controls stand at the side at once, and not only where their symbols are explained."""
    return held(mo.ui.switch(label=LABELS["everything"]))


def of_files() -> tuple[Any, ...]:
    """Where a model and sequences are dropped, each with what can be said about it."""
    controls = (
        mo.ui.file([".safetensors"], kind="area", label="Drop a .safetensors file here", max_size=MAX_BYTES),
        mo.ui.dropdown(["tanh", "relu"], value="tanh", label="a plain RNN in it has the activation"),
        mo.ui.file(ENDINGS, kind="area", label="Drop a .npz or .csv file of sequences here", max_size=MAX_BYTES),
        _of_reading(),
    )  # fmt: skip
    return tuple(map(held, controls))


def of_equations() -> tuple[Any, ...]:
    """How many steps are unrolled, and of one unit or of many."""
    controls = (
        mo.ui.slider(1, 8, value=3, label=LABELS["steps"], show_value=True),
        mo.ui.radio({"one unit": "scalar", "many": "matrix"}, value="one unit", inline=True),
    )
    return tuple(map(held, controls))


def of_one_unit(at: OneUnit) -> tuple[Any, ...]:
    """The weights, the activation and the steps of a network of one unit.

    Args:
        at: what they stand at.
    """
    controls = (
        mo.ui.slider(*RANGES["weight"], value=at.weight, label=LABELS["weight"], show_value=True),
        mo.ui.slider(*RANGES["input_weight"], value=at.input_weight, label=LABELS["input_weight"], show_value=True),
        mo.ui.dropdown(ACTIVATIONS, value=at.phi, label=LABELS["phi"]),
        mo.ui.slider(*RANGES["steps"], value=at.steps, label=LABELS["steps"], show_value=True),
    )  # fmt: skip
    return tuple(map(held, controls))


def of_descent(view: tuple[float, float], start: tuple[float, float, float]) -> tuple[Any, ...]:
    """Where a descent begins, its learning rate, and what its gradient is clipped at.

    Args:
        view: the ends of the weight's range.
        start: what the three stand at first.
    """
    controls = (
        mo.ui.slider(*view, 0.01, value=start[0], label="first $W_R$", show_value=True),
        mo.ui.slider(0.05, 2, 0.05, value=start[1], label="learning rate", show_value=True),
        mo.ui.slider(0.01, 1, 0.01, value=start[2], label="clip the gradient at", show_value=True),
    )
    return tuple(map(held, controls))


def of_learning(
    lengths: tuple[int, int, int], usual: int, changes: tuple[str, ...]
) -> tuple[Any, ...]:
    """The length that is learnt, the change, and the button that trains.

    Args:
        lengths: least, most, and a step.
        usual: what the length stands at first.
        changes: to choose from.
    """
    controls = (
        mo.ui.slider(*lengths, value=usual, label="length to learn", show_value=True),
        mo.ui.dropdown(changes, value=changes[0], label="the change"),
        mo.ui.run_button(label="Train both"),
    )
    return tuple(map(held, controls))


def of_look(budgets: list[int], usual: int) -> tuple[Any, ...]:
    """The budget of a training that is looked ahead on, and the button that does it.

    Args:
        budgets: to choose from.
        usual: what it stands at first.
    """
    label = "updates of the whole training"
    controls = (
        mo.ui.slider(steps=budgets, value=usual, label=label, show_value=True),
        mo.ui.run_button(label="Look ahead"),
    )
    return tuple(map(held, controls))


def of_sweep(colours: tuple[str, ...], largest: int) -> tuple[Any, ...]:
    """Where the file of a sweep is dropped, and the colour of its map.

    Args:
        colours: numbers that a map can show.
        largest: bytes of a file.
    """
    controls = (
        mo.ui.file(
            [".sqlite"], kind="area", label="Drop the file of a sweep here", max_size=largest
        ),
        mo.ui.dropdown(colours, value=colours[0], label="colour of the map"),
    )
    return tuple(map(held, controls))


def _of_reading() -> Any:
    """What can be said about dropped sequences, as one control whose value is a dictionary."""
    reading = mo.ui.dictionary(
        {
            "target": mo.ui.text(label="target", placeholder="target, label or y"),
            "inputs": mo.ui.text(label="inputs", placeholder="all others, or x"),
            "sequence": mo.ui.text(label="sequence", placeholder="sequence or id"),
            "axes": mo.ui.dropdown(list(AXES), value=TOLD, label="axes"),
        }
    )
    for control in reading.elements.values():
        held(control)
    return reading


def why_at_rest(model: str | None, data: str | None) -> str:
    """A sentence on the controls that cannot be moved; empty where all can.

    Args:
        model: name of the file that the network comes from.
        data: name of the file that the sequences come from.
    """
    said = []
    if model is not None:
        said.append(f"{model} is shown: the weights, the cell and its units are those of the file.")
    if data is not None:
        said.append(f"It reads {data}, whose length and loss are its own.")
    return " ".join(said)


def activation_of(cell: str, chosen: str) -> str:
    """The activation of a cell: the chosen one, or a gated cell's own.

    >>> activation_of("rnn", "relu"), activation_of("lstm", "relu")
    ('relu', 'tanh')
    """
    return chosen if KINDS[cell].cell.choose_phi else "tanh"


def resting(setting: Configuration, from_file: bool, own_data: bool = False) -> list[str]:
    """Names of the controls that change nothing while this setting, or what comes from a file, is shown."""
    if from_file:
        names = [
            "gain",
            "input strength",
            "activation",
            "initial W_R",
            "cell",
            "hidden units",
            "bias",
        ]
    else:
        names = ["activation"] * (not KINDS[setting.cell].cell.choose_phi)
    names += ["length"] * own_data
    return names + ["loss at step"] * (own_data or setting.data != "noise")
