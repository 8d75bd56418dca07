"""What several tests need: networks, real text, golden cases."""

import json
import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import bptt
from bptt.data import Text

CI = bool(os.environ.get("CI"))
os.environ.setdefault("KERAS_BACKEND", "torch")  # read once, when Keras is imported
GOLDEN = Path(__file__).parent / "golden"

# The same examples every time: a failure on one machine is a failure on all.
settings.register_profile("bptt", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("bptt")


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(*packages): skipped where one is missing, but in CI.")
    config.addinivalue_line(
        "markers", "long: memory, leaks and sizes, minutes in all: make test-long."
    )
    if not config.option.markexpr:
        config.option.markexpr = "not long"


def pytest_runtest_setup(item):
    """A test asks for the packages that it needs with a marker, a file with ``importorskip``."""
    for marker in item.iter_markers("needs"):
        for package in marker.args:
            import_module(package) if CI else pytest.importorskip(package)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """In CI everything is tested: there a file that was skipped for want of a package fails."""
    report = yield
    if CI and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; every test of a page needs one, and a process can have only one."""
    import_module("playwright") if CI else pytest.importorskip("playwright")
    from tests.chromium import chromium, path

    if path() is None:
        if CI:
            pytest.fail("CI must install Chromium")
        pytest.skip("needs a browser: apt-get install chromium")
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def text():
    return Text.load()


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def golden_names(cell, layers=None):
    index = json.loads((GOLDEN / "index.json").read_text())
    return [
        name
        for name, case in index.items()
        if case["cell"] == cell and layers in (None, case["layers"])
    ]


def golden(name):
    """The case's description and its arrays."""
    index = json.loads((GOLDEN / "index.json").read_text())
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return index[name], dict(arrays)


def random_layer(rng, I=3, H=5, activation="tanh", gain=1.0, dtype="float64"):
    """Dense weights of no special structure."""
    W_F, W_R, b = (
        rng.normal(size=(H, I)),
        gain * rng.normal(size=(H, H)) / H**0.5,
        rng.normal(size=H),
    )
    return bptt.RNN(W_F.astype(dtype), W_R.astype(dtype), (0.3 * b).astype(dtype), activation)


def relative(a, b):
    """Largest difference over the largest entry."""
    return np.abs(a - b).max() / np.abs(b).max()
