"""What is declared is what is imported, and the library runs with NumPy and safetensors alone."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import bptt
from tests import bare

pytest.importorskip("packaging")
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Packages of the user's own, that are there or not: what the user logs to or trains with.
BROUGHT_ALONG = {"lightning", "pytorch_lightning", "transformers", "wandb", "mlflow"}

DIAGNOSE = """
import sys
import numpy as np, bptt
net = bptt.Network.init(inputs=3, hidden=16, outputs=2, loss_at="last", rng=0)
x = np.random.default_rng(0).standard_normal((60, 8, 3)).astype("float32")
report = bptt.diagnose(net, (x, np.zeros(8, int)))
print(report.verdict)
report.save("report.json")
"""
MISSING = {
    "a page": ("report.save('report.html')", "bptt[pages]"),
    "a chart": ("report.charts.by_lag", "bptt[pages]"),
    "a table": ("print(report)", "bptt[cli]"),
    "equations": ("import bptt.derivation", "bptt[derive]"),
    "a PyTorch model": ("bptt.from_torch", "bptt[torch]"),
    "a file of columns": (
        "open('a.parquet', 'w').close(); from bptt.data import load; load('a.parquet')",
        "bptt[tables]",
    ),
    "a monitor": ("bptt.Monitor", "bptt[torch]"),
    "a model of Keras": ("bptt.from_keras('report.json')", "bptt[keras]"),
    "a model in ONNX": ("bptt.from_onnx('report.json')", "bptt[onnx]"),
}


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """NumPy and safetensors alone."""
    return bare.install(tmp_path_factory.mktemp("light") / "site", "numpy", "safetensors")


def test_numpy_and_safetensors_are_enough(light):
    done = bare.python(light, "-c", DIAGNOSE)
    assert (done.stdout, done.stderr, done.returncode) == ("vanishing\n", "", 0)


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_extra_is_one_line_with_its_cure(name, light):
    code, extra = MISSING[name]
    done = bare.python(light, "-c", DIAGNOSE + code)
    assert re.fullmatch(
        rf"bptt\.errors\.OptionError: .*: expected the package \w+, got none installed\. "
        rf"Run pip install '{re.escape(extra)}'\.",
        done.stderr.splitlines()[-1],
    )
    assert extra[5:-1] in EXTRAS


def test_the_command_without_its_packages_is_one_line(light):
    done = bare.python(light, "-m", "bptt", "diagnose")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "bptt: expected the package typer, got none installed. Run pip install 'bptt[cli]'.\n"
    )
    assert PROJECT["scripts"] == {"bptt": "bptt.__main__:main"}


def test_tests_of_the_maths_need_no_browser_pytorch_or_sktime(tmp_path):
    site = bare.install(
        tmp_path / "site", "numpy", "safetensors", "pytest", "pytest-timeout", "hypothesis"
    )
    tiers = [str(ROOT / "tests" / name) for name in (
        "kernels", "cells", "gradients", "layers", "dynamics", "regularisers", "training", "test_agreement.py",
        "test_golden.py", "test_network.py", "test_torch.py",
    )]  # fmt: skip
    options = [
        "-p",
        "no:cacheprovider",
        f"--rootdir={ROOT}",
        f"--config-file={ROOT}/pyproject.toml",
    ]
    collected = bare.python(site, "-m", "pytest", "--collect-only", "-q", *options, *tiers)
    assert collected.returncode == 0, collected.stdout
    assert int(re.search(r"(\d+) tests collected", collected.stdout)[1]) > 500
    done = bare.python(site, "-m", "pytest", "-q", *options, tiers[-3])
    assert done.returncode == 0, done.stdout
    assert "3 skipped" in done.stdout
    options.append("--continue-on-collection-errors")
    in_ci = bare.python(site, "-m", "pytest", "-q", *options, *tiers[-3::2], CI="true")
    assert re.search(r"\d+ passed, 4 errors", in_ci.stdout), in_ci.stdout


def imported():
    """{package: file} of what the sources import and is neither theirs nor Python's."""
    packages = {}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            for name in names:
                packages[name.partition(".")[0]] = path.name
    return {p: file for p, file in packages.items() if p not in {"bptt", *sys.stdlib_module_names}}


def test_what_is_imported_is_declared():
    lists = [
        PROJECT["dependencies"],
        *(EXTRAS[e] for e in EXTRAS.keys() - {"test", "check", "bench", "site"}),
    ]
    declared = {Requirement(text).name for some in lists for text in some}
    distributions = packages_distributions()
    for package, file in imported().items():
        if package not in BROUGHT_ALONG:
            names = {name.lower() for name in distributions[package]}
            assert declared & names, f"{package}, imported in {file}"


def test_all_is_what_commands_and_readers_need():
    assert {Requirement(text).name for text in EXTRAS["all"]} == {"bptt"}
    assert Requirement(EXTRAS["all"][0]).extras == {
        "cli", "data", "keras", "onnx", "torch", "lab", "sweep", "tables",
    }  # fmt: skip


def test_dir_lists_the_public_names_and_no_others():
    assert set(dir(bptt)) == set(bptt.__all__)
    for name in ("Monitor", "sweep", "from_torch", "to_torch", "from_keras", "from_onnx"):
        assert name in dir(bptt)
        assert callable(getattr(bptt, name))
