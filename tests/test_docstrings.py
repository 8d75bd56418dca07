"""Every public function of three or more arguments says what each of them is."""

import importlib
import inspect
import pkgutil
import re
from dataclasses import is_dataclass

import pytest

import bptt

INSIDE = {"bptt.cli", "bptt.lab", "bptt.kernels"}  # a command, a page, what layers call


def public():
    """(name, function, docstring) of what __all__ of the library and its packages names, methods included."""
    modules = [bptt]
    for module in pkgutil.iter_modules(bptt.__path__, "bptt."):
        if module.ispkg and module.name not in INSIDE:
            modules.append(importlib.import_module(module.name))
    functions = {}
    for module in modules:
        for name in getattr(module, "__all__", ()):
            value, path = getattr(module, name), f"{module.__name__}.{name}"
            if inspect.isfunction(value):
                functions[path] = (value, inspect.getdoc(value))
            elif inspect.isclass(value):
                for key, member in inspect.getmembers_static(value):
                    member = getattr(member, "__func__", member)  # of a class method
                    if (
                        not inspect.isfunction(member)
                        or member.__module__.partition(".")[0] != "bptt"
                    ):
                        continue
                    if key == "__init__" and not is_dataclass(value):
                        texts = [inspect.getdoc(c) or "" for c in value.__mro__[:-1]]
                        functions[path] = (member, "\n\n".join(texts))
                    elif not key.startswith(("_", "on_")):  # on_...: the trainer's own arguments
                        functions[f"{path}.{key}"] = (member, inspect.getdoc(member))
    return functions


FUNCTIONS = public()


def test_there_are_many():
    assert {"bptt.by_lag", "bptt.Network.run", "bptt.RNN.init", "bptt.Monitor"} <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_are_documented(name):
    function, text = FUNCTIONS[name]
    arguments = [a for a in inspect.signature(function).parameters if a not in ("self", "cls")]
    if len(arguments) < 3:
        return
    assert text, name
    described = re.search(r"^Args:\n((?:[ \n].*\n?)+)", text, re.M)
    assert described, f"{name} has no Args:"
    for argument in arguments:
        assert re.search(rf"^    .*\*{{0,2}}\b{argument}\b.*:", described[1], re.M), argument
