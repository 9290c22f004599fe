"""Fit: how a quantity grows with n, from ordinary least squares of log(y) on log(n) over sizes.

The interval is t(m-2) over the m sizes, one median each: pooling repetitions would count the same size many times and
call an interval "95 %" that covers far less. A slope is called an exponent only with at least 7 sizes over at least a
factor 64, all measured at one speed of the machine. Two things mean that no single exponent describes the data: a
quadratic term in log(n) whose interval excludes 0, and sizes that lie further from the line than the noise between
processes can put them (a step, a kink; F test at 1 %). The interval of the slope says nothing about either: the slope
of the upper half of the sizes (the tail) and the last local slopes are then what a larger n would see. That neither was
found is no proof of a power law, only that no bend was detectable.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import t as student_t

from attnbench.stats.intervals import CONFIDENCE, Interval

CLAIM_SIZES = 7
CLAIM_FACTOR = 64
UNEVEN_LEVEL = 0.01
LEAST_UNEVEN = 0.02  # sizes within 2 % of a curve (root mean square) lie on it whatever the noise
ROUNDING = 1e-9  # slopes and curvatures closer to 0 than this are floating-point noise of the fit itself


@dataclass(frozen=True)
class Slope:
    value: float
    interval: Interval | None  # None with two sizes: nothing is left to estimate the scatter from
    intercept: float  # log y at log n = 0

    def __str__(self) -> str:
        """1.98 [1.95, 2.01]"""
        text = _two_digits(self.value)
        if self.interval is None:
            return text
        return f"{text} [{_two_digits(self.interval.low)}, {_two_digits(self.interval.high)}]"


def _two_digits(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.0 into 0.0


@dataclass(frozen=True)
class Noise:
    """Of the log of a value at one size, as its repetitions show it."""

    variance: float
    freedom: int


@dataclass(frozen=True)
class Fit:
    slope: Slope
    sizes: int
    factor: float  # largest n / smallest n
    local: tuple[float, ...]  # slope between neighbouring sizes
    curvature: float | None  # coefficient of log(n)^2; None below 4 sizes
    curvature_interval: Interval | None  # t(m-3)
    curved: bool  # it excludes 0
    tail: Slope | None  # slope over the upper half of the sizes; None below 4 sizes
    tail_sizes: int
    uneven: bool = False  # sizes lie further from the line than their noise explains
    withheld: str = ""  # why no exponent is claimed although sizes are enough

    @property
    def has_sizes(self) -> bool:
        return self.sizes >= CLAIM_SIZES and self.factor >= CLAIM_FACTOR

    @property
    def is_exponent(self) -> bool:
        """Whether the protocol allows to call the slope an exponent."""
        return self.has_sizes and not self.withheld

    @property
    def mark(self) -> str:
        """Follows the slope wherever it is printed: ‡ the machine changed its speed, * too few sizes for an exponent,
        † no single exponent."""
        return "‡" if self.withheld else "*" if not self.has_sizes else "†" if self.curved or self.uneven else ""

    @property
    def verdict(self) -> str:
        if not self.has_sizes:
            return (f"slope only: {self.sizes} sizes over a factor {self.factor:g}, "
                    f"an exponent needs {CLAIM_SIZES} over {CLAIM_FACTOR}")  # fmt: skip
        if self.withheld:
            return f"no exponent claimed: {self.withheld}"
        return "no single exponent" if self.curved or self.uneven else "no bend detectable"


def fit(n: Sequence[float], y: Sequence[float], noise: Noise | None = None, withheld: str = "") -> Fit | None:
    """Fit of y against ascending, distinct n; None below two sizes or when y is not positive everywhere. `noise`: of
    log(y) at one size; unknown, steps are not looked for."""
    if len(n) < 2 or min(y) <= 0:
        return None
    x, z = np.log(np.asarray(n, float)), np.log(np.asarray(y, float))
    slope = _line(x, z)
    curvature, around, curved = _curvature(x, z)
    upper = tail_size(len(n))
    tail = _line(x[-upper:], z[-upper:]) if len(n) >= 4 else None
    local = tuple((np.diff(z) / np.diff(x)).tolist())
    uneven = noise is not None and _uneven(z - slope.intercept - slope.value * x, noise)
    return Fit(slope, len(n), max(n) / min(n), local, curvature, around, curved, tail, upper, uneven, withheld)


def _uneven(residuals: np.ndarray, noise: Noise) -> bool:
    freedom = len(residuals) - 2
    return freedom > 0 and exceeds_noise(float(residuals @ residuals) / freedom, freedom, noise)


def exceeds_noise(variance: float, freedom: int, noise: Noise) -> bool:
    """Lack of fit (Draper & Smith 1998, section 2.1): residual variance against that of the repetitions."""
    if noise.freedom < 1 or variance < LEAST_UNEVEN**2:
        return False
    ratio = variance / max(noise.variance, ROUNDING**2)
    return bool(f_distribution.sf(ratio, freedom, noise.freedom) < UNEVEN_LEVEL)


def tail_size(sizes: int) -> int:
    """How many of the largest sizes the tail slope is taken over: 4 of 7, 5 of 8."""
    return sizes // 2 + 1


def band(fit_: Fit, n: Sequence[float], at: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(line, low, high) at sizes `at`: the fitted line and the 95 % band of its mean (closed without an interval)."""
    x, grid = np.log(np.asarray(n, float)), np.log(np.asarray(at, float))
    line = fit_.slope.intercept + fit_.slope.value * grid
    half = np.zeros_like(grid)
    if fit_.slope.interval is not None:
        spread = x - x.mean()
        half_slope = (fit_.slope.interval.high - fit_.slope.interval.low) / 2
        half = half_slope * np.sqrt(np.sum(spread**2) / len(x) + (grid - x.mean()) ** 2)
    return np.exp(line), np.exp(line - half), np.exp(line + half)


def _line(x: np.ndarray, z: np.ndarray) -> Slope:
    coefficients, errors = _least_squares(np.vander(x, 2), z)
    freedom = len(x) - 2
    interval = None
    if freedom > 0:
        half = float(student_t.ppf(0.5 + CONFIDENCE / 2, freedom) * errors[0])
        interval = Interval(float(coefficients[0]) - half, float(coefficients[0]) + half)
    return Slope(float(coefficients[0]), interval, float(coefficients[1]))


def _curvature(x: np.ndarray, z: np.ndarray) -> tuple[float | None, Interval | None, bool]:
    """Coefficient of log(n)^2, its t(m-3) interval and whether that excludes 0 by more than rounding."""
    freedom = len(x) - 3
    if freedom < 1:
        return None, None, False
    coefficients, errors = _least_squares(np.vander(x - x.mean(), 3), z)
    half = float(student_t.ppf(0.5 + CONFIDENCE / 2, freedom) * errors[0])
    value = float(coefficients[0])
    return value, Interval(value - half, value + half), abs(value) > half + ROUNDING


def _least_squares(design: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their standard errors."""
    coefficients, *_ = np.linalg.lstsq(design, z, rcond=None)
    freedom = len(z) - design.shape[1]
    residual = z - design @ coefficients
    variance = float(residual @ residual) / freedom if freedom > 0 else math.nan
    return coefficients, np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * variance)
