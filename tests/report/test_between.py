"""What a model does between its steps, in the report: its words, its numbers, its curve."""

import json

import numpy as np
import pytest

import bptt
from bptt.report.numbers import numbers
from bptt.report.plain_words import CAUSES, why

torch = pytest.importorskip("torch")


class Decaying(torch.nn.Module):
    """A cell whose state is multiplied by 0.3 between the steps."""

    def __init__(self):
        super().__init__()
        self.cell = torch.nn.RNNCell(3, 8)

    def forward(self, x):
        h = x.new_zeros(x.shape[1], 8)
        for x_t in x:
            h = self.cell(x_t, 0.3 * h)
        return h


@pytest.fixture(scope="module")
def report():
    torch.manual_seed(0)
    model = Decaying().double()
    with torch.no_grad():
        model.cell.weight_hh.copy_(torch.eye(8))
        model.cell.bias_ih.zero_()
        model.cell.bias_hh.zero_()
    x = 0.01 * torch.randn(20, 4, 3, dtype=torch.float64)
    return bptt.diagnose(model, x, lambda m, x: m(x).square().mean(), needed_lag=10)


def test_it_is_explained_and_counted(report):
    layer = report.layers["cell.0"]
    assert why(layer.cause) == CAUSES["between the steps"]
    rows = dict(numbers(report.diagnosis, layer))
    assert rows["  between the steps"] == f"{np.log(0.3):+.2f}"
    assert "Between its steps the model changes the state" in report.html()


def test_it_has_a_curve_of_its_own(report):
    assert (
        "what lies between the steps by 0.3; all together by 0.3" in report.charts.gains.description
    )
    assert report.charts.gains.description.startswith("Why: three gains per step back.")
    rows = json.dumps(report.charts.gains.to_dict())
    assert '"between"' in rows
    assert "together" in rows
