"""Names in the docs: what a backticked word stands for, looked up in the library."""

import inspect
import re
from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import get_type_hints

import bptt
from bptt.cells import Weights
from bptt.comparison import Comparison
from bptt.data import tasks
from bptt.dynamics import MemoryFunction
from bptt.network import Run
from bptt.presentation.chart_access import Charts
from bptt.report.prognosis import PrognosisReport
from bptt.report.remedies.report import RemedyReport
from bptt.sweeps import Sweep

# What the docs' examples call their objects.
OWNERS = {
    "bptt": bptt, "profile": bptt.LagProfile, "report": bptt.Report, "trace": bptt.Trace, "stack": bptt.Stack,
    "layer": bptt.RNN, "network": bptt.Network, "Network": bptt.Network, "run": Run, "memory": MemoryFunction,
    "monitor": bptt.Monitor, "prognosis": PrognosisReport, "ranking": RemedyReport, "tasks": tasks, "weights": Weights,
    "compared": Comparison, "Sweep": Sweep,
}  # fmt: skip
# Of PyTorch and other libraries, of the user, or made when they are asked for.
FOREIGN = {
    "torch", "nn", "lax", "jit", "model", "optimizer", "out", "h", "x", "wandb", "safetensors", "charts", "pytest",
}  # fmt: skip
SOURCES = (".py", ".h", ".cpp", ".js", ".html")
FILES = re.compile(
    r"\.(h|cpp|html|png|svg|pdf|jsonl|sqlite|lock|parquet|safetensors|csv|npz|md|nc|toml|py|txt)$"
)
DOTTED = re.compile(r"[A-Za-z]\w*(\(.*?\)|\[\w+\])*(\.\w+(\(.*?\)|\[\w+\])*)+")


def backticked(text):
    """What stands in backticks outside fenced blocks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", prose)


def is_ours(name):
    """Whether it is a dotted name that must stand for something here."""
    known = DOTTED.fullmatch(name) and not FILES.search(name)
    return bool(known) and name.partition(".")[0] not in FOREIGN


def member(owner, name):
    """What an attribute of a module or a class is, by its type where an instance has it."""
    if isinstance(owner, ModuleType):
        if hasattr(owner, name):
            return getattr(owner, name)
        return import_module(f"{owner.__name__}.{name}")
    value = inspect.getattr_static(owner, name, None)
    if isinstance(value, property):
        return get_type_hints(value.fget)["return"]
    if isinstance(value, cached_property):
        return get_type_hints(value.func, localns={"Charts": Charts})["return"]
    return get_type_hints(owner)[name] if value is None else value


def look_up(name):
    """Follow ``profile.truncation(K).cosine`` through the library.

    Raises:
        AttributeError, ImportError, KeyError: where a part does not exist.
    """
    first, *parts = re.sub(r"\[\w+\]", "", re.sub(r"\([^()]*\)", "()", name)).split(".")
    owner = OWNERS[first]
    for part in parts:
        owner = member(owner, part.removesuffix("()"))
        if part.endswith("()") and inspect.isroutine(owner) and part is not parts[-1]:
            owner = get_type_hints(owner)["return"]
