"""The table "Models of other packages" of docs/pytorch.md.

    python -m tests.third_party.table --write docs/pytorch.md

It needs every package, so it runs where ``make test-real`` does.
"""

import argparse
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

import bptt
from bptt.diagnosis import StateDiagnosis
from bptt.errors import OptionError
from tests.third_party.autograd import module_of, recurrent_gradients
from tests.third_party.everything import ALL, REFUSED, STEPS

PLACE = re.compile(r"(<!-- models of other packages -->\n).*?(<!-- end -->)", re.S)
HEAD = ["package", "model", "what is special in it", "lags", "off autograd, train", "eval"]


def lags(counts):
    """By module: {"rnn.0": 19, "rnn.1": 19} is "rnn 19"."""
    of_modules = {}
    for layer, count in counts.items():
        path = re.sub(r"\.\d+(\.forward|\.backward)?$", "", layer)
        of_modules.setdefault(path, set()).add(count)
    return ", ".join(
        f"{path} {' and '.join(map(str, sorted(c)))}" for path, c in of_modules.items()
    )


def measured(case, mode):
    """The lags that the report has, and how far dW_R lies off autograd's, of its largest entry."""
    setup, other = case.build(), case.build()
    for model in (setup.model, other.model):
        module_of(model).train(mode == "train")
    torch.manual_seed(5)
    report = bptt.diagnose(setup.model, setup.batch, setup.loss)
    torch.manual_seed(5)
    exact = {n: each for n, each in report.layers.items() if not isinstance(each, StateDiagnosis)}
    worst = max(
        (each.profile.residual for n, each in report.layers.items() if n not in exact), default=0.0
    )
    gradients = recurrent_gradients(other, list(exact))[1] if exact else {}
    for name, layer in exact.items():
        expected = gradients[name].numpy()
        largest = np.abs(expected).max()
        worst = max(worst, np.abs(layer.profile.dW_R - expected).max() / (largest or 1))
    return {name: len(layer.profile.norm) for name, layer in report.layers.items()}, worst


def row(case):
    """One line: what is so in train mode, and how far off it is in either."""
    case.require()
    released = version(case.package) if case.needs else ""
    cells = [f"{case.package} {released}".strip(), case.model, case.what]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            counts, off = measured(case, "train")
        except OptionError:
            return [*cells, "refused", "", ""]
        in_eval, off_in_eval = measured(case, "eval")
    assert in_eval == counts, case
    return [*cells, lags(counts), f"{off:.0e}", f"{off_in_eval:.0e}"]


def markdown():
    """The whole table."""
    rows = [HEAD, ["---"] * len(HEAD), *(row(case) for case in [*ALL, *STEPS, *REFUSED])]
    return "".join(f"| {' | '.join(cells)} |\n".replace("  |", " |") for cells in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write it into this page")
    page = parser.parse_args().write
    table = markdown()
    if page is None:
        print(table, end="")
    else:
        page.write_text(
            PLACE.sub(lambda between: between[1] + table + between[2], page.read_text())
        )
