"""Published linear recurrences, from their packages: every lag of every parameter against a copy of a and b per step."""

import pytest

pytest.importorskip("torch")

from docs import scans

from bptt.torch_models import scan_lags
from tests.torch_models.published_scans import OTHERS, PUBLISHED, T, compared
from tests.torch_models.scan_oracle import wide

OF_ONE_BLOCK = "minGRU", "minLSTM", "LRU", "Qwen3-Next"


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_lag_of_every_parameter_is_that_of_a_copy_per_step(name):
    off, measured = compared(name)
    assert off < 1e-10
    assert len(measured) == (1 if name in OF_ONE_BLOCK else 2)
    for of_module in measured.values():
        assert len(of_module.profile.lags) == T
        assert of_module.profile.residual < 1e-12
        # G_0 .. G_{K-1} and what goes by no state add up to autograd's gradient: scan_lags compares them itself.
        alone = set(of_module.beside) - set(of_module.profile.parameters)
        assert alone or name == "minLSTM" or name == "minGRU"


@pytest.mark.parametrize("name", OTHERS)
def test_blocks_of_the_same_kinds_in_hybrids(name):
    """What an adapter reads is what the block returns, and the lags are autograd's gradient: ``scan_lags`` refuses otherwise."""
    make, paths = OTHERS[name]
    with wide():
        measured, _ = scan_lags(*make())
    assert list(measured) == paths
    for of_block in measured.values():
        assert len(of_block.profile.lags) == T
        assert of_block.profile.residual < 1e-12


def test_the_table_is_what_its_command_prints():
    table = scans.table()
    assert table.count("below 1e-12") == len(PUBLISHED)
    assert table in scans.PAGE.read_text()
