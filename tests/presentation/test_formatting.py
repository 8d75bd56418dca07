"""Numbers as a reader expects them, at the edges of what a float can hold."""

import math

import pytest

from bptt.presentation import formatting as f


@pytest.mark.parametrize(
    "log10", [-5000.4, -903.0, -12.34, -3.001, -3.0, -0.469, 0.0, 3.99, 4.0, 250.7]
)
def test_a_power_of_ten_is_what_it_says_to_two_digits(log10):
    mantissa, _, exponent = f.power_of_ten(log10).partition("e")
    read = math.log10(float(mantissa)) + int(exponent or 0)
    assert read == pytest.approx(log10, abs=math.log10(1.05))


def test_powers_that_are_no_number():
    assert f.power_of_ten(-math.inf) == "0"
    assert f.power_of_ten(math.inf) == "∞"
    assert f.power_of_ten(math.nan) == "-"
    assert f.power_of_ten(-4 - 1e-9) == "1.0e-04"  # and not 10.0e-05


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (1, "100 %"), (0.1, "10 %"), (0.0162, "1.6 %"), (0.0951, "9.5 %"), (0.00005, "less than 0.01 %"),
     (-0.0214, "-2.1 %"), (-0.5, "-50 %")],
)  # fmt: skip
def test_per_cent_stands_apart_from_its_number(share, words):
    assert f.percent(share) == words


@pytest.mark.parametrize(
    ("factor", "words"),
    [(0.56, "56\N{NO-BREAK SPACE}%"), (0.01, "1\N{NO-BREAK SPACE}%"), (1 / 29_000, "one part in 29,000"),
     (1e-7, "less than a millionth"), (0.0, "less than a millionth"), (3.8, "3.8 times")],
)  # fmt: skip
def test_a_share_is_said_as_a_person_says_it(factor, words):
    assert f.share_or_factor(math.log10(factor) if factor else -math.inf) == words


def test_what_is_missing_is_a_dash_and_never_nan():
    for written in (
        f.signed(math.nan),
        f.two_decimals(math.nan),
        f.two_decimals(None),
        f.r_squared(math.nan),
    ):
        assert written == "-"
    assert f.r_squared(-0.4) == "0.00"
    assert (f.signed(0.126), f.signed(-0.126)) == ("+0.13", "-0.13")


def test_things_are_counted_in_english():
    assert [f.counted(n, "step") for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
    assert f.counted(3, "remedy", "remedies") == "3 remedies"


def test_latex_has_no_minus_zero_and_a_real_exponent():
    assert f.latex(-0.0) == "0"
    assert f.latex(1.5e-7) == r"1.5 \cdot 10^{-7}"
    assert f.latex(2 / 3, digits=2) == "0.67"
