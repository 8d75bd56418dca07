"""Numbers as words and digits: the same on the terminal, on every page and in every sentence."""

import math
from collections.abc import Iterable, Sequence
from math import floor, inf, isfinite, isnan

MISSING = "-"  # in a table, where there is no number
LARGEST_SHARE_IN_PERCENT = -2.0  # log10: smaller shares are "one part in ..."


def power_of_ten(log10: float) -> str:
    """10^log10 in digits a person reads; it may be far outside the range of a float.

    >>> [power_of_ten(v) for v in (-0.469, -6.602, -903.0, 3.7, float("-inf"), float("nan"))]
    ['0.34', '2.5e-07', '1.0e-903', '5e+03', '0', '-']
    """
    if log10 == -inf:
        return "0"
    if -3 <= log10 < 4:
        return f"{10**log10:.2g}"
    if not isfinite(log10):
        return MISSING if isnan(log10) else "∞"
    exponent = floor(log10)
    mantissa = f"{10 ** (log10 - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}e{exponent:+03d}"


def share_or_factor(log10: float) -> str:
    r"""10^log10 as it is said aloud: a share of something below 1, a factor above.

    >>> share_or_factor(-0.25), share_or_factor(-4.46), share_or_factor(-9), share_or_factor(0.58)
    ('56\xa0%', 'one part in 29,000', 'less than a millionth', '3.8 times')
    """
    if log10 > 0:
        return f"{power_of_ten(log10)} times"
    if log10 >= LARGEST_SHARE_IN_PERCENT:
        return f"{float(f'{100 * 10**log10:.2g}'):g}\N{NO-BREAK SPACE}%"
    if log10 < -6:
        return "less than a millionth"
    return f"one part in {float(f'{10**-log10:.2g}'):,.0f}"


def percent(share: float) -> str:
    """A share in per cent, to two digits where it is small.

    >>> percent(0.5), percent(0.0162), percent(0.00003), percent(-0.12)
    ('50 %', '1.6 %', 'less than 0.01 %', '-12 %')
    """
    if 0 < share < 1e-4:
        return "less than 0.01 %"
    return f"{100 * share:.0f} %" if abs(share) >= 0.1 else f"{100 * share:.2g} %"


def signed(value: float) -> str:
    """Two decimals and a sign; a dash for NaN.

    >>> signed(0.5), signed(-0.123), signed(float("nan"))
    ('+0.50', '-0.12', '-')
    """
    return MISSING if isnan(value) else f"{value:+.2f}"


def two_decimals(value: float | None) -> str:
    """Two decimals; a dash where there is no number.

    >>> two_decimals(0.125), two_decimals(None), two_decimals(float("nan"))
    ('0.12', '-', '-')
    """
    return MISSING if value is None or isnan(value) else f"{value:.2f}"


def r_squared(value: float) -> str:
    """R² with two decimals: below 0 it says no more than 0 does.

    >>> r_squared(0.876), r_squared(-0.3), r_squared(float("nan"))
    ('0.88', '0.00', '-')
    """
    return two_decimals(value if isnan(value) else max(0.0, value))


def with_error(value: float, error: float) -> str:
    """A signed number and its standard error.

    >>> with_error(-0.1234, 0.0267)
    '-0.12 ± 0.03'
    """
    return f"{value:+.2f} ± {error:.2f}"


def to_its_error(value: float, error: float | None) -> str:
    """A number with as many digits as its standard error leaves; four where there is none.

    >>> to_its_error(1.76054, 0.0213), to_its_error(1.76054, 12.0), to_its_error(1.76054, None)
    ('1.761 ± 0.021', '2 ± 12', '1.761')
    """
    if not error:
        return short(value)
    digits = max(0, 1 - floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def short(value: object, digits: int = 4) -> str:
    """A value of any kind: words as they are, numbers to so many digits.

    >>> short(0.123456), short(3), short("tanh"), short(None), short(2 / 3, 2)
    ('0.1235', '3', 'tanh', 'none', '0.67')
    """
    if value is None:
        return "none"
    return value if isinstance(value, str) else format(value, f".{digits}g")


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number of things.

    Args:
        count: how many.
        one: the word for one of them.
        many: the word for several; with an s if not given.

    >>> counted(1, "step"), counted(20, "step"), counted(2, "remedy", "remedies")
    ('1 step', '20 steps', '2 remedies')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def latex(value: float, digits: int = 3) -> str:
    r"""A number to so many digits, as LaTeX.

    >>> latex(0.25), latex(-0.0000312), latex(-0.0)
    ('0.25', '-3.12 \\cdot 10^{-5}', '0')
    """
    mantissa, _, exponent = f"{value + 0.0:.{digits}g}".partition("e")  # + 0.0: no minus zero
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def stated(facts: Iterable[tuple[str, str]]) -> str:
    """Pairs of a name and what it is, one short sentence each.

    >>> stated([("data", "vowels"), ("clipping", "active in 2 % of updates")])
    'Data: vowels. Clipping: active in 2 % of updates.'
    """
    return " ".join(f"{name[:1].upper()}{name[1:]}: {value}." for name, value in facts)
