"""An operation that made the first number that is not finite, in sentences."""

import linecache
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bptt.torch_models.as_found import is_pytorchs, without_wrappers
from bptt.torch_models.nonfinite.numbers import finite, first_index, place, readable, short
from bptt.torch_models.nonfinite.watch import Operation, Visit, Watch

# By what a function's name holds; the first that fits.
CURES = {
    "log_softmax": "A row with no finite number has no maximum: leave one place of it unmasked.",
    "softmax": "A row with no finite number has no maximum: leave one place of it unmasked.",
    "scaled_dot": "A row with no finite number has no maximum: leave one place of it unmasked.",
    "multi_head": "A row with no finite number has no maximum: leave one place of it unmasked.",
    "ctc_loss": "A target may be longer than its input: drop it, or pass zero_infinity=True.",
    "cross_entropy": "Leave at least one target that is not ignored, and no logit of one at -inf.",
    "logsumexp": "Leave one finite number in every row.",
    "log": "Use log_softmax or logsigmoid, or keep the argument from 0: x.clamp(min=1e-8).",
    "sqrt": "Keep the argument from 0: torch.sqrt(x + 1e-8).",
    "exp": "Subtract the largest argument first, or use log_softmax or logsumexp.",
    "layer_norm": "Give it an eps greater than 0: of equal numbers the variance is 0.",
    "group_norm": "Give it an eps greater than 0: of equal numbers the variance is 0.",
    "batch_norm": "Give it an eps greater than 0: of equal numbers the variance is 0.",
    "norm": "The norm of zeros has no gradient: add a small number before the root.",
    "mean": "A mean is over at least one number.",
    "std": "A standard deviation needs two numbers that differ: add a small number before the root.",
    "var": "A variance is over at least two numbers.",
    "div": "Keep the divisor from 0: add a small number to it.",
    "reciprocal": "Keep the divisor from 0: add a small number to it.",
    "pow": "Keep the base from 0 and from below it.",
}
ELEMENTWISE = {
    "add", "sub", "rsub", "mul", "div", "pow", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt",
    "reciprocal", "square", "acos", "asin", "atanh", "tan", "sinh", "cosh", "xlogy", "logit", "float_power", "lgamma",
    "digamma", "arccos", "arcsin", "arctanh", "acosh", "erfinv", "iadd", "isub", "imul",
}  # fmt: skip
DIVERGED = (
    "the training has diverged. Go back to an earlier checkpoint, with a smaller learning rate."
)
LONGEST = 100  # signs of a line of code
LARGE = 1e4  # an argument at which it is the size that makes a result infinite
HUGE = 1e6  # no parameter of a network that trains is so large


def located(visit: Visit | None, watch: Watch) -> str:
    """In which call of which module: "in decoder, call 3 of 10"."""
    if visit is None:
        return "in the loss"
    if not visit.path:
        return "in the model's own forward pass"
    return f"in {visit.path}{call_of(visit, watch)}"


def call_of(visit: Visit, watch: Watch) -> str:
    """Which call it was, where there are several: ", call 3 of 10"."""
    total = watch.calls[visit.path]
    return f", call {visit.number + 1} of {total}" if total > 1 else ""


def quoted(line: tuple[str, int]) -> str:
    """The user's line: "`p.log().mean()` (train.py, line 12)"; nothing where there is none to read."""
    file, number = line
    code = linecache.getline(file, number).strip()
    code = code if len(code) <= LONGEST else f"{code[:LONGEST]}..."
    where = f"{Path(file).name}, line {number}" if file and Path(file).is_file() else ""
    if not code:
        return where
    return f"`{code}` ({where})" if where else f"`{code}`"


def of_operation(operation: Operation, watch: Watch, model: nn.Module) -> str:
    """What an operation made of finite numbers, where, and what to do about it."""
    out, visit = operation.bad, operation.visit
    of = _of_what(operation, out)
    if visit is not None and is_pytorchs(visit.module):
        kind = f" ({type(visit.module).__name__})" if visit.path else ""
        name = (visit.path or "the model") + kind + call_of(visit, watch)
        first = f"The output of {name} is the first that is not finite: {place(out)}{of}."
    else:
        where = located(visit, watch)
        first = f"The first number that is not finite is made by `{plain(operation.name)}` {where}: {place(out)}{of}."
        if line := quoted(operation.line):
            first += f" The line is {line}."
    return f"{first} {cure(operation, out, model)}".strip()


def plain(name: str) -> str:
    """A function's name as one would call it: "div" for __rdiv__ and div_."""
    bare = name.strip("_")
    return {"rdiv": "div", "truediv": "div", "itruediv": "div", "rpow": "pow", "rsub": "sub"}.get(
        bare, bare
    )


def cure(operation: Operation, out: Tensor, model: nn.Module) -> str:
    """What to do about it; nothing where that is anyone's guess."""
    name = plain(operation.name).lower()
    if _overflows(operation, out):
        huge = largest(model)
        if huge is not None:
            return f"The parameter {huge}: {DIVERGED}"
        if "exp" not in name:  # of which the largest argument is small
            kind = str(out.dtype).removeprefix("torch.")
            half = kind == "float16"
            cure = "run this part in float32 or bfloat16" if half else "scale the numbers down"
            return f"{kind} ends at {torch.finfo(out.dtype).max:.5g}: {cure}."
    return next((sentence for part, sentence in CURES.items() if part in name), "")


def _overflows(operation: Operation, out: Tensor) -> bool:
    """Whether large numbers became infinite, and not a function at a place where it has no value."""
    sizes = [float(v.detach().abs().max()) for v in operation.inputs if readable(v) and v.numel()]
    sizes += [abs(float(n)) for n in operation.args if isinstance(n, int | float)]
    if not all(map(math.isfinite, sizes)) or out.is_complex():
        return False
    infinite = math.isinf(out.detach()[first_index(out)].item())
    # A NaN comes of it where a square of theirs is infinite, in a variance for example.
    return max(sizes, default=0) > (LARGE if infinite else torch.finfo(out.dtype).max ** 0.5)


def largest(model: nn.Module) -> str | None:
    """The parameter of a model that is largest, if it is huge: "head.weight reaches 2e+38"."""
    sizes = {
        name: float(parameter.detach().abs().max())
        for name, parameter in model.named_parameters()
        if readable(parameter) and parameter.numel() and finite(parameter)
    }
    if not sizes or max(sizes.values()) < HUGE:
        return None
    name = max(sizes, key=sizes.__getitem__)
    return f"{without_wrappers(name, model)} reaches {short(sizes[name])}"


def _of_what(operation: Operation, out: Tensor) -> str:
    """The arguments: those at the same place of an elementwise function, else how large they are."""
    inputs = [v for v in operation.inputs if readable(v)]
    if not inputs:
        return ""
    if any(v.numel() == 0 for v in inputs):
        return ", of no numbers"
    if values := at_same_place(operation, out):
        return f", of {' and '.join(values)}"
    size = float(inputs[0].detach().abs().max())
    if math.isnan(size):  # written over
        return ""
    return ", of infinite numbers" if math.isinf(size) else f", of numbers up to {short(size)}"


def at_same_place(operation: Operation, out: Tensor) -> list[str]:
    """The arguments of an elementwise function where its first bad number is; empty for other functions."""
    numbers: list[Any] = [a for a in operation.args if isinstance(a, Tensor | float | int)]
    known = [a for a in numbers if isinstance(a, Tensor)]
    if len(numbers) != len(operation.args) or len(known) != len(operation.inputs):
        return []
    if not operation.unchanged or plain(operation.name) not in ELEMENTWISE:
        return []
    index = first_index(out)
    return [
        short(
            each.detach().broadcast_to(out.shape)[index].item()
            if isinstance(each, Tensor)
            else each
        )
        for each in numbers
    ]


def unseen(operation: Operation, watch: Watch) -> str:
    """An input that came from nowhere that is known."""
    bad = operation.leaves[0] if operation.leaves else operation.bad
    where = located(operation.visit, watch)
    line = quoted(operation.line)
    read = f"A tensor that `{plain(operation.name)}` reads {where} is {place(bad)}"
    return f"{read}{f': {line}' if line else ''}. Look where that tensor is made."
