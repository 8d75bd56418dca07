"""A chart of a report that Altair saves itself has every letter in one font, and can be put beside others."""

import re

import numpy as np
import pytest

import bptt

alt = pytest.importorskip("altair")
pytest.importorskip("vl_convert")


def test_every_letter_is_in_one_font(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 4, 3)).astype("float32")
    network = bptt.Network.init(3, 12, 2, cell="lstm", loss_at="last", rng=0)
    charts = bptt.diagnose(network, (x, np.zeros(4, int))).charts
    for name in ("by_lag", "lyapunov", "carry"):
        chart = getattr(charts, name)
        chart.save(tmp_path / "chart.svg")
        text = (tmp_path / "chart.svg").read_text()
        assert set(re.findall(r'font-family="([^"]*)"', text)) == {"DejaVu Sans, sans-serif"}
    both = alt.vconcat(charts.by_lag, charts.gains).to_dict()
    assert len(both["vconcat"]) == 2
