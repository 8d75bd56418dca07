"""One model of another package: how it is built, and what is known of it without this library."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from tests.conftest import CI

REAL = bool(os.environ.get("BPTT_REAL"))


@dataclass(frozen=True)
class Setup:
    """A model with a batch and a loss.

    Attributes:
        model: as its package makes it, in train mode.
        batch: what its package's own data loader, or a user, would hand it.
        loss: (model, batch) to the loss.
        lags: every recurrent layer that the loss reaches, to how many lags it has, counted by hand.
    """

    model: Any
    batch: Any
    loss: Callable[[Any, Any], Any]
    lags: dict[str, int]


@dataclass(frozen=True)
class Case:
    """A model of another package.

    Attributes:
        package: what pip installs.
        model: its name, for the table.
        what: what is special in it, for the table.
        build: makes it, the same every time.
        needs: the modules that are imported.
        in_ci: whether ``make test`` installs it; the others run with ``make test-real``.
    """

    package: str
    model: str
    what: str
    build: Callable[[], Setup]
    needs: tuple[str, ...]
    in_ci: bool = False

    def __str__(self) -> str:
        return f"{self.package}: {self.model}"

    def require(self) -> None:
        """Skip where the package is missing; ``make test-real`` has all, CI those that it installs."""
        _operators_of_torchvision()
        for module in self.needs:
            if REAL or (CI and self.in_ci):
                import_module(module)
            pytest.importorskip(module, reason=f"pip install {self.package}")


@cache
def _operators_of_torchvision():
    """Let torchvision be imported beside a PyTorch that cannot load its operators.

    A wheel made for CUDA registers none beside a PyTorch for CPUs, and then fails for want of these two. Several
    packages import torchvision; no model here calls them.
    """
    if find_spec("torchvision") is None:
        return None
    try:
        return import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return import_module("torchvision"), library  # which ends with its last reference
