"""The compiled loops of each instruction set that this machine can run, one after the other."""

from importlib import import_module

import pytest

from bptt import kernels
from bptt.kernels import loops


@pytest.fixture(params=kernels.available())
def module(request, monkeypatch):
    """A compiled module, standing where ``loops`` looks for it, with two threads."""
    module = import_module(f"bptt.kernels._{request.param}")
    monkeypatch.setattr(loops, "C", module)
    module.resize_team(2)
    return module
