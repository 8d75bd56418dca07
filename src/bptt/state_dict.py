"""A network from the weights that PyTorch saved: names and shapes tell what it is.

    W_F  weight_ih_l{k}      W_R  weight_hh_l{k}      b  bias_ih_l{k} + bias_hh_l{k}

weight_hh is (G H, H): G = 1 in a plain RNN, 3 in a GRU, 4 in an LSTM. A GRU's candidate keeps its recurrent
bias apart: b_Rn is the last third of bias_hh. "_reverse" at the end is the backward direction; the cells
(nn.LSTMCell) have names without "_l{k}". The readout is the two-axis "weight" that fits the top level's
states. Nothing here imports PyTorch.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bptt.arrays import Array, as_floats
from bptt.errors import FileError, OptionError
from bptt.layers import GRU, LSTM, RNN, Bidirectional, Layer, Stack
from bptt.losses import LossAt
from bptt.network import LossName, Network

NAME = re.compile(
    r"(?:(?P<prefix>.+)\.)?weight_hh(?P<suffix>(?:_l(?P<level>[0-9]{1,4}))?(?:_reverse)?)"
)
WEIGHTS, BIASES = ("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")
KINDS = {1: "rnn", 3: "gru", 4: "lstm"}  # rows of weight_hh over its columns
ITSELF = "bptt.diagnose in Python takes the model itself."


@dataclass(frozen=True)
class Parts:
    """Which of a file's tensors make the network.

    Attributes:
        cell: "rnn", "gru" or "lstm".
        recurrent: prefix of the recurrent module's names; "" where they have none.
        levels: how the names of each level end, bottom first: ("_l0",) or ("_l0", "_l0_reverse").
        readout: prefix of the readout's names.
        rest: names of the tensors that are no part of the network.
    """

    cell: str
    recurrent: str
    levels: tuple[tuple[str, ...], ...]
    readout: str
    rest: tuple[str, ...]


def network_of(
    tensors: dict[str, Array],
    *,
    activation: str | None = None,
    recurrent: str | None = None,
    readout: str | None = None,
    loss: LossName,
    loss_at: LossAt,
    path: str | Path,
) -> Network:
    """The network in a state dict: the same function of its inputs as the PyTorch modules.

    Args:
        tensors: the weights by PyTorch's names; those of half precision become float32.
        activation: "tanh" or "relu", of a plain RNN, whose weights do not tell; None for other cells.
        recurrent: prefix of the recurrent module, where there are several.
        readout: prefix of the linear layer that reads the top level's states, where several fit.
        loss: "cross_entropy" or "mse".
        loss_at: "every", "last" or steps, as for ``Network``.
        path: of the file, for the errors.

    Returns:
        the network, in the widest type of its weights.

    Raises:
        FileError: if the names or shapes are not those of such a network.
        OptionError: if the weights leave a choice and it is not made, or one is made that they do not
            leave.
        NonFiniteError: if a weight is NaN or infinite.

    >>> import numpy as np
    >>> weights = {"gru.weight_ih_l0": np.ones((12, 3)), "gru.weight_hh_l0": np.ones((12, 4))}
    >>> weights |= {"fc.weight": np.ones((2, 4)), "fc.bias": np.zeros(2)}
    >>> network_of(weights, loss="cross_entropy", loss_at="last", path="weights.pt").body
    GRU(inputs=3, hidden=4, dtype=float64)
    """
    parts = parts_of(tensors, recurrent=recurrent, readout=readout, path=path)
    if parts.cell != "rnn" and activation is not None:
        raise OptionError(
            "activation", f"none for the {parts.cell} in {path}", repr(activation),
            "Only a plain RNN leaves the choice: leave it out.",
        )  # fmt: skip
    if parts.cell == "rnn" and activation not in ("tanh", "relu"):
        raise OptionError(
            "activation", f"tanh or relu, for the weights of the plain RNN in {path} do not tell",
            "none" if activation is None else repr(activation),
            "Give --activation tanh, PyTorch's usual one, or --activation relu.",
        )  # fmt: skip
    names = [n for n in tensors if n not in parts.rest]
    dtype = np.result_type(np.float32, *(tensors[name].dtype for name in names))
    ready = {
        name: as_floats(f"{path}: {name}", tensors[name].astype(dtype), tensors[name].shape)
        for name in names
    }
    levels: list[Layer | Bidirectional] = []
    for ends in parts.levels:
        layers = [_layer(ready, parts, end, activation or "tanh") for end in ends]
        levels.append(Bidirectional(*layers) if len(layers) == 2 else layers[0])
    W_O = ready[_joined(parts.readout, "weight")]
    b_O = ready.get(_joined(parts.readout, "bias"), np.zeros(len(W_O), dtype))
    return Network(levels[0] if len(levels) == 1 else Stack(levels), W_O, b_O, loss, loss_at)


def parts_of(
    tensors: dict[str, Array],
    *,
    recurrent: str | None = None,
    readout: str | None = None,
    path: str | Path,
) -> Parts:
    """Find the recurrent module and the readout by names and shapes.

    Raises:
        FileError: if there is none, or its shapes do not fit together.
        OptionError: if several fit and none is chosen, or the one chosen does not.
    """
    prefix = _recurrent(tensors, recurrent, path)
    levels = _levels(tensors, prefix, path)
    gates, outputs = _check_shapes(tensors, prefix, levels, path)
    head = _readout(tensors, outputs, readout, path)
    ends = [end for level in levels for end in level]
    used = {_joined(prefix, name + end) for end in ends for name in (*WEIGHTS, *BIASES)}
    used |= {_joined(head, "weight"), _joined(head, "bias")}
    rest = tuple(name for name in tensors if name not in used)
    return Parts(KINDS[gates], prefix, levels, head, rest)


def _recurrent(tensors: dict[str, Array], wanted: str | None, path: str | Path) -> str:
    """Prefix of the recurrent module."""
    found = list(dict.fromkeys(m["prefix"] or "" for n in tensors if (m := NAME.fullmatch(n))))
    if not found:
        odd = [name for name in tensors if "weight_hh" in name]
        names = ", ".join(odd or tensors)
        raise FileError(
            str(path), "names such as rnn.weight_ih_l0 and rnn.weight_hh_l0",
            _short(names) or "no tensors",
            f"The weights are made of others when the model runs: {ITSELF}" if odd
            else "Save the state dict of a model with nn.RNN, nn.LSTM, nn.GRU or one of their cells.",
        )  # fmt: skip
    if wanted is not None:
        if (prefix := wanted.rstrip(".")) in found:
            return prefix
        raise OptionError(
            "recurrent", f"a recurrent module of {path}: {_listed(found)}", repr(wanted),
            "Choose one of them.",
        )  # fmt: skip
    if len(found) > 1:
        raise OptionError(
            "recurrent", f"one recurrent module, and {path} holds {len(found)}", _listed(found),
            f"Give --recurrent and its name; if one reads the states of another, {ITSELF}",
        )  # fmt: skip
    return found[0]


def _levels(
    tensors: dict[str, Array], prefix: str, path: str | Path
) -> tuple[tuple[str, ...], ...]:
    """How the names of each level end, checked to be whole: every level, its directions, both weights."""
    matches = [m for n in tensors if (m := NAME.fullmatch(n)) and (m["prefix"] or "") == prefix]
    ends = {m["suffix"] for m in matches}
    if any(_joined(prefix, f"weight_hr{end}") in tensors for end in ends):
        raise FileError(
            str(path), "an LSTM without projection",
            f"{_joined(prefix, 'weight_hr_l0')}, which proj_size makes",
            "Use bptt.diagnose on the model itself.",
        )  # fmt: skip
    numbers = {m["level"] for m in matches if m["level"]}
    stems = [f"_l{number}" for number in range(len(numbers))] if numbers else [""]
    both = any(end.endswith("_reverse") for end in ends)
    levels = tuple((stem, f"{stem}_reverse") if both else (stem,) for stem in stems)
    needed = [_joined(prefix, f"{w}{end}") for level in levels for end in level for w in WEIGHTS]
    if any(_joined(prefix, name + end) in tensors for name in BIASES for end in ends):
        needed += [_joined(prefix, name + end) for end in sorted(ends) for name in BIASES]
    if missing := [name for name in needed if name not in tensors]:
        raise FileError(
            str(path), "every weight of the recurrent module", f"a file without {missing[0]}",
            "Save the whole model.state_dict().",
        )  # fmt: skip
    return levels


def _check_shapes(
    tensors: dict[str, Array], prefix: str, levels: tuple[tuple[str, ...], ...], path: str | Path
) -> tuple[int, int]:
    """G, and how many states the top level hands up; every shape must follow from weight_hh."""

    def shape(name: str, wanted: tuple[int, ...] | str, fits: bool) -> None:
        full = _joined(prefix, name)
        if not fits or tensors[full].dtype.kind != "f" or 0 in tensors[full].shape:
            raise FileError(
                str(path), f"{full} of floating-point numbers {wanted}",
                f"{tensors[full].dtype} {tensors[full].shape}",
                f"If it is no module of PyTorch's own, {ITSELF}",
            )  # fmt: skip

    first = tensors[_joined(prefix, "weight_hh" + levels[0][0])]
    fits = first.ndim == 2 and 0 not in first.shape and len(first) % first.shape[1] == 0
    gates = len(first) // first.shape[1] if fits else 0
    shape("weight_hh" + levels[0][0], "(G H, H), G = 1, 3 or 4", gates in KINDS)
    inputs = None
    for ends in levels:
        outputs = 0
        for end in ends:
            W_R = tensors[_joined(prefix, "weight_hh" + end)]
            H = W_R.shape[-1] if W_R.ndim else 0
            shape("weight_hh" + end, (gates * H, H), W_R.shape == (gates * H, H))
            W_F = tensors[_joined(prefix, "weight_ih" + end)]
            if inputs is None and W_F.ndim == 2:
                inputs = W_F.shape[1]
            wanted = (gates * H, inputs or 0)
            shape("weight_ih" + end, wanted, W_F.shape == wanted)
            for name in (stem + end for stem in BIASES):
                if (bias := tensors.get(_joined(prefix, name))) is not None:
                    shape(name, (gates * H,), bias.shape == (gates * H,))
            outputs += H
        inputs = outputs
    return gates, inputs or 0


def _readout(tensors: dict[str, Array], size: int, wanted: str | None, path: str | Path) -> str:
    """Prefix of the linear layer that reads ``size`` states."""
    flat = {
        name.removesuffix("weight").rstrip("."): value
        for name, value in tensors.items()
        if (name == "weight" or name.endswith(".weight"))
        and value.ndim == 2 and value.dtype.kind == "f"
    }  # fmt: skip
    fit = [prefix for prefix, W in flat.items() if W.shape[1] == size and len(W)]
    shapes = ", ".join(f"{_joined(p, 'weight')} {W.shape}" for p, W in flat.items())
    what = f"a linear layer that reads the {size} states at the top in {path}"
    if wanted is not None:
        head = wanted.removesuffix(".weight").rstrip(".")
        if head not in fit:
            raise OptionError(
                "readout", f"{what}: {_listed(fit) if fit else 'there is none'}", repr(wanted),
                "Choose one of them." if fit else ITSELF,
            )  # fmt: skip
    elif len(fit) > 1:
        raise OptionError(
            "readout", what, f"{len(fit)} that fit: {_listed(fit)}",
            f"Give --readout and its name; if more than one is passed on the way, {ITSELF}",
        )  # fmt: skip
    elif not fit:
        raise FileError(
            str(path), f"a readout, weight (outputs, {size})",
            _short(shapes) or "no other weights",
            f"Save the state dict of the whole model; if its outputs are made otherwise, {ITSELF}",
        )  # fmt: skip
    else:
        head = fit[0]
        after = [p for p, W in flat.items() if p != head and W.shape[1] == len(flat[head])]
        if after:  # a hidden layer, most likely: measuring its outputs would be another network
            raise OptionError(
                "readout", f"one linear layer from the states in {path}",
                f"{head!r}, and {_listed(after)} could read its outputs",
                f"If that is not so, give --readout {head}; if it is, {ITSELF}",
            )  # fmt: skip
    bias = tensors.get(_joined(head, "bias"))
    if bias is not None and (bias.shape != (len(flat[head]),) or bias.dtype.kind != "f"):
        raise FileError(
            str(path), f"{_joined(head, 'bias')} of floating-point numbers ({len(flat[head])},)",
            f"{bias.dtype} {bias.shape}", f"If it is no nn.Linear, {ITSELF}",
        )  # fmt: skip
    return head


def _layer(tensors: dict[str, Array], parts: Parts, end: str, activation: str) -> Layer:
    """One direction of one level."""
    W_F, W_R = (tensors[_joined(parts.recurrent, name + end)] for name in WEIGHTS)
    none = np.zeros(len(W_R), W_R.dtype)
    b_F, b_R = (tensors.get(_joined(parts.recurrent, name + end), none) for name in BIASES)
    if parts.cell == "rnn":
        return RNN(W_F, W_R, b_F + b_R, activation)
    if parts.cell == "lstm":
        return LSTM(W_F, W_R, b_F + b_R)
    H = W_R.shape[1]
    b = b_F + b_R
    b[2 * H :] = b_F[2 * H :]
    return GRU(W_F, W_R, b, b_R[2 * H :].copy())


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _listed(prefixes: list[str]) -> str:
    return ", ".join(prefix or '""' for prefix in prefixes)


def _short(text: str) -> str:
    return text[:77] + "..." if len(text) > 80 else text
