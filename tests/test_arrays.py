"""Numbers at the door."""

import numpy as np
import pytest

from bptt.arrays import as_number, as_whole
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


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.25), np.int8(1)])
def test_a_number_is_taken_in_any_type(value):
    number = as_number("p", value, "(0, 1]")
    assert type(number) is float
    assert number == value


@pytest.mark.parametrize(
    "value", [0, 1.5, -1, np.nan, np.inf, True, "1", None, [1], 1 + 0j, b"1", 10**400, object()]
)
def test_what_is_no_number_in_the_interval_is_refused(value):
    with pytest.raises(OptionError, match=r"^p: expected a number in \(0, 1\], got "):
        as_number("p", value, "(0, 1]", "Choose another.")


def test_intervals_say_what_they_take():
    assert as_number("clip", np.inf, "(0, ∞]") == np.inf
    for interval, words in {"(0, ∞)": "a positive number", "[0, ∞)": "a number from 0", "(-∞, ∞)": "a finite number"}.items():  # fmt: skip
        with pytest.raises(OptionError, match=f"expected {words}, got nan"):
            as_number("x", np.nan, interval)
    assert as_number("x", 0, "[0, ∞)") == 0
    with pytest.raises(OptionError, match="expected a finite number"):
        as_number("x", 10**400)
    with pytest.raises(OptionError, match="got 0"):
        as_number("x", 0, "(0, ∞)")
