"""The compiled loops of each instruction set that this machine can run, one after the other."""

from importlib import import_module

import pytest

from bptt.kernels import compiled_loops, instruction_sets


@pytest.fixture(params=instruction_sets.available())
def module(request, monkeypatch):
    """A compiled module, standing where ``compiled_loops`` looks for it, with two threads."""
    module = import_module(f"bptt.kernels._{request.param}")
    monkeypatch.setattr(compiled_loops, "C", module)
    module.resize_team(2)
    return module
