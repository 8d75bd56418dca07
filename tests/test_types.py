"""A user's program, type-checked as strictly as mypy can; Pyright 1.1.414, strict, finds the same five lines wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CACHE = str(ROOT / ".mypy_cache" / "program")
# What the library imports besides NumPy no name of the program shows, and to read it takes most of a minute.
OTHERS = (
    "IPython", "altair", "anywidget", "dask", "distributed", "h5py", "ipywidgets", "jinja2", "joblib", "keras", "marimo",
    "markupsafe", "matplotlib", "onnx", "pandas", "polars", "pyarrow", "ray", "rich", "scipy", "sklearn", "starlette", "sympy",
    "torch", "traitlets", "typer", "uvicorn", "vl_convert", "xarray",
)  # fmt: skip
SETTINGS = f"""
[mypy]
strict = True
follow_imports = silent

[mypy-{",".join(f"{name}.*" for name in OTHERS)}]
follow_imports = skip
"""

PROGRAM = """
from typing import assert_type

import numpy as np

import bptt
from bptt.dynamics import Exponents

rng = np.random.default_rng(0)
x = rng.standard_normal((30, 2, 3))
layer = bptt.RNN.init(inputs=3, hidden=8, rng=0, dtype="float64")
trace = layer.forward(x)
assert_type(trace, bptt.Trace)
dh = np.ones((30, 2, 8))
assert_type(layer.backward(trace, dh), bptt.Grads)
profile = bptt.by_lag(trace, dh, max_lag=20)
assert_type(profile, bptt.LagProfile)
assert_type(profile.horizon(0.95), int | None)
assert_type(profile.truncation(5), bptt.Truncation)
assert_type(bptt.by_step(trace, dh), bptt.StepProfile)
assert_type(bptt.lyapunov(trace), Exponents)

stack = bptt.Stack([layer, bptt.GRU.init(8, 5, rng=1, dtype="float64")])
deep = stack.forward(x)
assert_type(bptt.by_lag(deep, np.ones((30, 2, 5))), list[bptt.LagProfile])
assert_type(bptt.by_step(deep, np.ones((30, 2, 5))), list[bptt.StepProfile])
names: list[str] = stack.names

net = bptt.Network.init(inputs=3, hidden=8, outputs=2, loss_at="last", rng=0, dtype="float64")
report = bptt.diagnose(net, (x, np.zeros(2, int)))
assert_type(report, bptt.Report)
if report.verdict == "vanishing":
    print(report.cause.name, report.horizon, report.layers["rnn.0"].needed_lag)
assert_type(bptt.get_num_threads(), int)
assert_type(bptt.doctor().healthy, bool)
"""
WRONG = """
profile.horizont()
bptt.by_lag(trace, dh)[0]
bptt.lyapunov(deep)
report.verdict == "gone"
bptt.diagnosee(net, x)
"""


@pytest.mark.needs("mypy")
def test_a_users_program(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM + WRONG)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", CACHE, "program.py"],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"MYPYPATH": str(ROOT / "src")},
    )  # fmt: skip
    first = PROGRAM.count("\n") + 2
    lines = [int(n) for n in re.findall(r"^program\.py:(\d+): error", done.stdout, re.M)]
    assert lines == [*range(first, first + 5)], done.stdout + done.stderr
