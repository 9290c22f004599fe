"""Numbers as people read them. None, and nothing else, prints as a dash."""

import math
from collections.abc import Callable

DASH = "–"


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def seconds(value: float | None) -> str:
    """1.23 ms"""
    if value is None:
        return DASH
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= 0.9995 * scale:
            return f"{_three_digits(value / scale)} {unit}"
    return f"{_three_digits(value * 1e9)} ns"


def seconds_range(low: float, high: float) -> str:
    return f"{seconds(low)} – {seconds(high)}"


def with_interval(form: Callable[[float | None], str], value: float, ends: tuple[float, float] | None) -> str:
    """12.3 ms [12.1 ms, 12.6 ms]; the value alone where there is no interval"""
    return form(value) if ends is None else f"{form(value)} [{form(ends[0])}, {form(ends[1])}]"


def size(value: float | None) -> str:
    """4.00 MiB"""
    if value is None:
        return DASH
    for exponent, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if value >= 1024**exponent:
            return f"{_three_digits(value / 1024**exponent)} {unit}"
    return f"{value:.0f} B"


def ratio(value: float | None) -> str:
    """12.3×"""
    return DASH if value is None else f"{_three_digits(value)}×"


def ratio_text(value: float | None) -> str:
    """1.197, 0.00233, 430: of two times, with three decimals near 1 and three digits far from it."""
    if value is None:
        return DASH
    return f"{value:.3f}" if 0.0995 <= value < 9.9995 else _three_digits(value)


def change(value: float | None) -> str:
    """What a ratio of times says in words: +9.7 %, -4.0 %, 2.50× slower, 430× faster."""
    if value is None:
        return DASH
    if value >= 2:
        return f"{_three_digits(value)}× slower"
    return f"{_three_digits(1 / value)}× faster" if value <= 0.5 else f"{100 * (value - 1):+.1f} %"


def gflops(value: float | None) -> str:
    return DASH if value is None else _three_digits(value)


def percent(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.1f} %"


def error(value: float | None) -> str:
    """2.1e-07; an exact zero stays 0"""
    if value is None:
        return DASH
    return "0" if value == 0 else f"{value:.1e}"


def error_percent(value: float | None) -> str:
    """21.3 %, where 100 % is the error of an output of zeros; rounding errors stay powers of ten: 3.0e-05 %"""
    if value is None:
        return DASH
    return f"{_three_digits(100 * value)} %" if value == 0 or value >= 1e-5 else f"{100 * value:.1e} %"


def count(value: float | None) -> str:
    """Large counts with an SI suffix: 1.07 G"""
    if value is None:
        return DASH
    for scale, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{_three_digits(value / scale)} {unit}"
    return f"{value:.0f}"


def plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
