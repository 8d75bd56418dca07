"""Which of a file's tensors are the recurrent module's and the readout's: names and shapes tell."""

import re
from dataclasses import dataclass
from pathlib import Path

from bptt.arrays import Array
from bptt.errors import FileError, OptionError

NAME = re.compile(
    r"(?:(?P<prefix>.+)\.)?weight_hh(?P<suffix>(?:_l(?P<level>[0-9]{1,4}))?(?:_reverse)?)"
)
WEIGHTS, BIASES = ("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")
KINDS = {1: "rnn", 3: "gru", 4: "lstm"}  # rows of weight_hh over its columns
OTHERS = (
    "The weights are made of others when the model runs: save the state dict after torch.nn.utils.parametrize."
    "remove_parametrizations(rnn, 'weight_hh_l0'), or pass the model itself to bptt.diagnose in Python."
)
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
    used = {joined(prefix, name + end) for end in ends for name in (*WEIGHTS, *BIASES)}
    used |= {joined(head, "weight"), joined(head, "bias")}
    rest = tuple(name for name in tensors if name not in used)
    return Parts(KINDS[gates], prefix, levels, head, rest)


def readouts_of(
    tensors: dict[str, Array], *, recurrent: str | None = None, path: str | Path
) -> tuple[int, list[str]]:
    """How many states the top level hands up, and the prefixes of the linear layers that could read them.

    Raises:
        FileError: if there is no recurrent module, or its shapes do not fit together.
        OptionError: if several fit and none is chosen, or the one chosen does not.
    """
    prefix = _recurrent(tensors, recurrent, path)
    _, size = _check_shapes(tensors, prefix, _levels(tensors, prefix, path), path)
    return size, _reading(_linear(tensors), size)


def _recurrent(tensors: dict[str, Array], wanted: str | None, path: str | Path) -> str:
    """Prefix of the recurrent module."""
    prefixes = list(dict.fromkeys(m["prefix"] or "" for n in tensors if (m := NAME.fullmatch(n))))
    if not prefixes:
        odd = [name for name in tensors if "weight_hh" in name]
        names = ", ".join(odd or tensors)
        raise FileError(
            str(path), "names such as rnn.weight_ih_l0 and rnn.weight_hh_l0",
            _short(names) or "no tensors",
            OTHERS if odd
            else "Save the state dict of a model with nn.RNN, nn.LSTM, nn.GRU or one of their cells.",
        )  # fmt: skip
    if wanted is not None:
        if (prefix := wanted.rstrip(".")) in prefixes:
            return prefix
        raise OptionError(
            "recurrent", f"a recurrent module of {path}: {_listed(prefixes)}", repr(wanted),
            "Pass one of them.",
        )  # fmt: skip
    if len(prefixes) > 1:
        raise OptionError(
            "recurrent", f"one recurrent module, and {path} holds {len(prefixes)}", _listed(prefixes),
            f"Pass the name of one of them; if one reads the states of another, {ITSELF}",
        )  # fmt: skip
    return prefixes[0]


def _levels(
    tensors: dict[str, Array], prefix: str, path: str | Path
) -> tuple[tuple[str, ...], ...]:
    """How the names of each level end, checked to be whole: every level, its directions, both weights."""
    matches = [m for n in tensors if (m := NAME.fullmatch(n)) and (m["prefix"] or "") == prefix]
    ends = {m["suffix"] for m in matches}
    if any(joined(prefix, f"weight_hr{end}") in tensors for end in ends):
        raise FileError(
            str(path), "an LSTM without projection",
            f"{joined(prefix, 'weight_hr_l0')}, which proj_size makes",
            "Use bptt.diagnose on the model itself.",
        )  # fmt: skip
    numbers = {m["level"] for m in matches if m["level"]}
    stems = [f"_l{number}" for number in range(len(numbers))] if numbers else [""]
    both = any(end.endswith("_reverse") for end in ends)
    levels = tuple((stem, f"{stem}_reverse") if both else (stem,) for stem in stems)
    needed = [joined(prefix, f"{w}{end}") for level in levels for end in level for w in WEIGHTS]
    if any(joined(prefix, name + end) in tensors for name in BIASES for end in ends):
        needed += [joined(prefix, name + end) for end in sorted(ends) for name in BIASES]
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
        full = joined(prefix, name)
        if not fits or tensors[full].dtype.kind != "f" or 0 in tensors[full].shape:
            raise FileError(
                str(path), f"{full} of floating-point numbers {wanted}",
                f"{tensors[full].dtype} {tensors[full].shape}",
                f"If it is no module of PyTorch's own, {ITSELF}",
            )  # fmt: skip

    first = tensors[joined(prefix, "weight_hh" + levels[0][0])]
    fits = first.ndim == 2 and 0 not in first.shape and len(first) % first.shape[1] == 0
    gates = len(first) // first.shape[1] if fits else 0
    shape("weight_hh" + levels[0][0], "(G H, H), G = 1, 3 or 4", gates in KINDS)
    inputs = None
    for ends in levels:
        outputs = 0
        for end in ends:
            W_R = tensors[joined(prefix, "weight_hh" + end)]
            H = W_R.shape[-1] if W_R.ndim else 0
            shape("weight_hh" + end, (gates * H, H), W_R.shape == (gates * H, H))
            W_F = tensors[joined(prefix, "weight_ih" + end)]
            if inputs is None and W_F.ndim == 2:
                inputs = W_F.shape[1]
            wanted = (gates * H, inputs or 0)
            shape("weight_ih" + end, wanted, W_F.shape == wanted)
            for name in (stem + end for stem in BIASES):
                if (bias := tensors.get(joined(prefix, name))) is not None:
                    shape(name, (gates * H,), bias.shape == (gates * H,))
            outputs += H
        inputs = outputs
    return gates, inputs or 0


def _readout(tensors: dict[str, Array], size: int, wanted: str | None, path: str | Path) -> str:
    """Prefix of the linear layer that reads ``size`` states."""
    flat = _linear(tensors)
    fit = _reading(flat, size)
    shapes = ", ".join(f"{joined(p, 'weight')} {W.shape}" for p, W in flat.items())
    what = f"a linear layer that reads the {size} states at the top in {path}"
    if wanted is not None:
        head = wanted.removesuffix(".weight").rstrip(".")
        if head not in fit:
            raise OptionError(
                "readout", f"{what}: {_listed(fit) if fit else 'there is none'}", repr(wanted),
                "Pass one of them." if fit else ITSELF,
            )  # fmt: skip
    elif len(fit) > 1:
        raise OptionError(
            "readout", what, f"{len(fit)} that fit: {_listed(fit)}",
            f"Pass the name of one of them; if more than one is on the way to the loss, {ITSELF}",
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
                f"If they do not, pass readout={head!r}; if they do, {ITSELF}",
            )  # fmt: skip
    bias = tensors.get(joined(head, "bias"))
    if bias is not None and (bias.shape != (len(flat[head]),) or bias.dtype.kind != "f"):
        raise FileError(
            str(path), f"{joined(head, 'bias')} of floating-point numbers ({len(flat[head])},)",
            f"{bias.dtype} {bias.shape}", f"If it is no nn.Linear, {ITSELF}",
        )  # fmt: skip
    return head


def _linear(tensors: dict[str, Array]) -> dict[str, Array]:
    """Weights with two axes, by the prefix of their names."""
    return {
        name.removesuffix("weight").rstrip("."): value
        for name, value in tensors.items()
        if (name == "weight" or name.endswith(".weight"))
        and value.ndim == 2 and value.dtype.kind == "f"
    }  # fmt: skip


def _reading(flat: dict[str, Array], size: int) -> list[str]:
    """Those that take ``size`` numbers."""
    return [prefix for prefix, W in flat.items() if W.shape[1] == size and len(W)]


def joined(prefix: str, name: str) -> str:
    """A tensor's full name."""
    return f"{prefix}.{name}" if prefix else name


def _listed(prefixes: list[str]) -> str:
    return ", ".join(prefix or '""' for prefix in prefixes)


def _short(text: str) -> str:
    return text[:77] + "..." if len(text) > 80 else text
