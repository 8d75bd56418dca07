"""Numbers at the door."""

import numpy as np
import pytest

from bptt.arrays import as_whole
from bptt.errors import OptionError


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), np.uint64(3)])
def test_a_whole_number_is_taken_in_any_type(value):
    number = as_whole("K", value, least=1)
    assert type(number) is int
    assert number == 3


@pytest.mark.parametrize(
    "value", [2.5, -1, 0, np.nan, np.inf, True, "3", None, [3], 3 + 0j, 10**30, np.float64(-np.inf)]
)
def test_anything_else_is_refused_in_one_clear_error(value):
    with pytest.raises(OptionError, match=r"^K: expected a whole number from 1 to 9, got "):
        as_whole("K", value, least=1, most=9)
