"""Numbers of a page, in one format."""

from __future__ import annotations

import math

# Decimal exponents from which on numbers are written as powers of ten.
SMALL, LARGE = -5, 9


def number(value: float, digits: int = 5) -> str:
    """Format a number with significant digits, as a power of ten if it is very large or small.

    Digits before the point are never rounded away: 125882, not 1.259e+05.
    """
    if not math.isfinite(value) or value == 0.0:
        return f"{value:g}"
    shown = f"{value:.{digits - 1}e}"
    mantissa, exponent = shown.split("e")
    if not SMALL <= int(exponent) < LARGE:
        return f"{float(mantissa):g}e{int(exponent)}"
    fixed = f"{value:.{max(digits - 1 - int(exponent), 0)}f}"
    return fixed.rstrip("0").rstrip(".") if "." in fixed else fixed


def percent(share: float) -> str:
    """Format a share in percent."""
    return f"{100 * share:.1f} %"


def give_or_take(value: float, spread: float) -> str:
    """Format a number to the precision of its standard error, which has two digits."""
    if not spread or not math.isfinite(spread):
        return number(value, 4)
    decimals = max(1 - math.floor(math.log10(spread)), 0)
    if decimals > 8:
        return f"{number(value)} ± {number(spread, 2)}"
    return f"{value:.{decimals}f} ± {spread:.{decimals}f}"
