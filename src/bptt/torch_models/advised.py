"""Advice in PyTorch's words: the lines that make a change in the model's own parameters.

PyTorch adds two biases, ``bias_ih`` and ``bias_hh``: one takes the value, the other becomes zero there. Blocks of H rows
stand in the order i, f, g, o of an LSTM and r, z, n of a GRU, so the gate that carries the state has rows H to 2H in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from bptt.diagnosis import Advice, Edit
from bptt.torch_models.convert import PAIRS, CellModule, suffixes

BIASES = ("chrono", "forget-bias", "update-bias")
CELLS = ("gru", "lstm")
_KEYS = {"weight_hh": "{W_hh}", "bias_ih": "{b_ih}", "bias_hh": "{b_hh}"}


@dataclass(frozen=True)
class Place:
    """Where the parameters of a layer are.

    Attributes:
        expression: of its module, "model.encoder.rnn".
        module: the module.
        end: how the names of the layer's own parameters end.
    """

    expression: str
    module: Any
    end: str


def in_pytorch(
    advice: Sequence[Advice], model: nn.Module, path: str, end: str
) -> tuple[Advice, ...]:
    """Advice on a layer, with the lines for its module.

    Args:
        advice: on the layer.
        model: the user's.
        path: of the layer's module in the model.
        end: how the names of the layer's parameters end.
    """
    place = Place(expression(model, path), model.get_submodule(path), end)
    translated = (_translated(each, place) for each in advice)
    return tuple(each for each in translated if each is not None)


def expression(model: nn.Module, path: str) -> str:
    """How Python reaches a module from ``model``.

    >>> from torch import nn
    >>> expression(nn.Sequential(nn.ModuleDict({"rnn": nn.GRU(2, 3)})), "0.rnn")
    'model[0].rnn'
    """
    words, at = "model", model
    for part in path.split(".") if path else []:
        if isinstance(at, nn.Sequential | nn.ModuleList):
            words += f"[{part}]"
        elif part.isidentifier():
            words += f".{part}"
        else:
            words += f'.get_submodule("{part}")'
        at = at.get_submodule(part)
    return words


def _translated(advice: Advice, place: Place) -> Advice | None:
    """The same in PyTorch's words; None where the module cannot take it."""
    module = place.module
    projected = bool(getattr(module, "proj_size", 0))
    if advice.remedy in BIASES:
        if not module.bias:
            return _with_biases(advice, place)
        return replace(advice, code=_lines(place, _biases(advice, module)))
    if advice.remedy in CELLS:  # a module of another class: the user's to build
        return replace(advice, remedy=None, code="")
    if advice.edit is not None:  # no remedy writes into a layer with a projection
        return _edited(replace(advice, remedy=None) if projected else advice, advice.edit, place)
    if projected and advice.remedy is not None:  # W_R is made of two matrices here
        return None
    if advice.remedy == "orthogonal":
        return replace(advice, code=_lines(place, [_orthogonal(module)]))
    if advice.number is not None and advice.settings == ({"clip": advice.number},):
        code = f"torch.nn.utils.clip_grad_norm_(model.parameters(), {advice.number:g})  # before optimizer.step()"
        return replace(advice, code=code)
    return advice


def _edited(advice: Advice, edit: Edit, place: Place) -> Advice | None:
    """The line that changes one parameter of the layer; None where it has none."""
    module = place.module
    rows = ""
    if edit.gate is not None:
        kind = next(kind for kind, *modules in PAIRS if isinstance(module, tuple(modules)))
        n, H = list(kind.cell.gates).index(edit.gate), module.hidden_size
        rows = f"[{n * H}:{(n + 1) * H}]"
    names = {"W_F": ("weight_ih",), "W_R": ("weight_hh",), "b": ("bias_ih", "bias_hh")}
    if edit.parameter == "b" and not module.bias:
        return None
    if any(name + place.end not in module._parameters for name in names[edit.parameter]):
        return replace(advice, code="")
    ends = suffixes(module)
    lines = [
        f"{place.expression}.{name}{end}.data{rows or '[:]'} {edit.operator} {number:.3g}"
        for end in (ends[ends.index(place.end) :] if edit.above else [place.end])
        for name, number in zip(names[edit.parameter], (edit.number, 0.0), strict=False)
    ]
    return replace(advice, code="\n".join(lines))


def _with_biases(advice: Advice, place: Place) -> Advice | None:
    """What to do first where a module has no biases; once, for all that sets them."""
    if advice.remedy != "chrono":
        return None
    kind = type(place.module).__name__
    return Advice(
        f"Build this {kind} with bias=True: its gate stays near 1/2 without a bias. Then: {advice.sentence}",
        number=advice.number,
    )


def _biases(advice: Advice, module: Any) -> list[str]:
    """The lines that set the biases of one layer, with its parameters as {b_ih} and {b_hh}."""
    H, number = module.hidden_size, advice.number or 0.0
    carry = f"[{H}:{2 * H}]"
    if advice.remedy != "chrono":
        return [f"{{b_ih}}.data{carry} = {number:.4g}", f"{{b_hh}}.data{carry} = 0"]
    lines = [
        f"b = torch.empty({H}).uniform_(1, {number - 1:g}).log()",
        f"{{b_ih}}.data{carry} = b",
        f"{{b_hh}}.data{carry} = 0",
    ]
    if isinstance(module, nn.LSTM | nn.LSTMCell):
        lines += [f"{{b_ih}}.data[:{H}] = -b", f"{{b_hh}}.data[:{H}] = 0"]
    return lines


def _orthogonal(module: Any) -> str:
    """The line that draws W_R of one layer orthogonal, block by block."""
    if isinstance(module, nn.RNN | nn.RNNCell):
        return "torch.nn.init.orthogonal_({W_hh})"
    H = module.hidden_size
    return f"for block in {{W_hh}}.data.split({H}):\n    torch.nn.init.orthogonal_(block)"


def _lines(place: Place, templates: Sequence[str]) -> str:
    """Lines for every layer of the module; "" where something computes its parameters from others."""
    own, module = place.expression, place.module
    used = {n for n in ("weight_hh", "bias_ih", "bias_hh") if any(_KEYS[n] in t for t in templates)}
    if any(n + end not in module._parameters for n in used for end in suffixes(module)):
        return ""
    if isinstance(module, CellModule):
        return _filled(templates, f"{own}.weight_hh", f"{own}.bias_ih", f"{own}.bias_hh")
    ends = suffixes(module)
    if len(ends) == 1:
        end = ends[0]
        return _filled(templates, *(f"{own}.{n}{end}" for n in ("weight_hh", "bias_ih", "bias_hh")))
    names = [f'getattr({own}, "{n}" + end)' for n in ("weight_hh", "bias_ih", "bias_hh")]
    body = _filled(templates, *names).replace("\n", "\n    ")
    listed = ", ".join(f'"{end}"' for end in ends)
    return f"for end in ({listed}):\n    {body}"


def _filled(templates: Sequence[str], W_hh: str, b_ih: str, b_hh: str) -> str:
    return "\n".join(line.format(W_hh=W_hh, b_ih=b_ih, b_hh=b_hh) for line in templates)
