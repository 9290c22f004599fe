"""Which law a growth follows: corrected AIC among few laws, fitted to the logarithms, or "undecided".

A law is a sum of coefficients >= 0 times fixed functions of n. Least squares on log y (relative errors count alike at
every size) gives its residual sum RSS over m sizes, and AICc = m log(RSS / m) + 2 p + 2 p (p + 1) / (m - p - 1) with
p = coefficients + 1 for the scatter (Hurvich & Tsai 1989, section 2). Laws within 4 of the best have considerable
support (Burnham & Anderson 2002, section 2.6): then the choice is "undecided" and names them. A law whose further term
comes out as 0 is the simpler law under another name and is left out. AICc ranks even if all are wrong, so two tests
follow. When the residuals of all that it supports still follow a parabola in log n, or exceed the noise between
processes where that is known (F tests at 5 and 1 %), none of them fits. And a law is decided only when, fitted without
the largest sizes, it predicts them: a step in n bends no parabola, but no law extrapolates across it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.stats import f as f_distribution

from attnbench.stats.intervals import CONFIDENCE
from attnbench.stats.scaling import Noise, exceeds_noise

DECIDED = 4.0
ROUNDING = 1e-7  # residuals below this share are rounding, and equal for all laws that reach them
# Held out and predicted: the largest three of seven sizes and more, else two. Under noise of 2 % true laws of one or
# two terms predict them within 7 % in nineteen of twenty cases; a step by a factor 1.5 is missed by 10 to 40 %.
HELD_OUT = {5: 2, 6: 2}
MOST_HELD_OUT = 3
PREDICTED = 0.07
MOST_STEPS = 100  # Gauss-Newton takes 3 to 20

Terms = dict[str, Callable[[np.ndarray], np.ndarray]]  # name of the coefficient's function -> the function
ONE: Terms = {"1": np.ones_like}
LINEAR: Terms = {"n": lambda n: n}
QUADRATIC: Terms = {"n^2": lambda n: n**2}
LAWS: dict[str, Terms] = {
    "1": ONE,
    "n": LINEAR,
    "n log n": {"n log n": lambda n: n * np.log2(n)},
    "n^1.5": {"n^1.5": lambda n: n**1.5},
    "n^2": QUADRATIC,
    "a+bn": ONE | LINEAR,
    "bn+cn^2": LINEAR | QUADRATIC,
    "a+bn+cn^2": ONE | LINEAR | QUADRATIC,
}


@dataclass(frozen=True)
class LawFit:
    law: str
    coefficients: dict[str, float]  # by function of n; logarithms are to base 2
    scatter: float  # root mean square of the log residuals: 0.02 is 2 %
    aicc: float


@dataclass(frozen=True)
class Choice:
    ranking: tuple[LawFit, ...]  # ascending AICc; laws that collapsed to a simpler one are left out
    fits: bool  # whether the residuals of any that it supports are noise
    predicts: bool  # whether the best, fitted without the largest sizes, predicts them

    @property
    def best(self) -> LawFit:
        return self.ranking[0]

    @property
    def supported(self) -> tuple[LawFit, ...]:
        """The best and every law within DECIDED of it."""
        return tuple(fit for fit in self.ranking if fit.aicc - self.best.aicc < DECIDED)

    @property
    def decided(self) -> bool:
        return self.fits and self.predicts and len(self.supported) == 1

    def named(self, symbol: str = "n") -> str:
        """n^2, or: undecided (n^2, bn+cn^2), or: none (nearest: n^2), or: undecided (n^2 does not predict the largest
        n); `symbol` stands for n along another axis."""
        laws = [fit.law.replace("n", symbol) for fit in self.supported]
        if not self.fits:
            return f"none (nearest: {laws[0]})"
        if len(laws) == 1 and not self.predicts:
            return f"undecided ({laws[0]} does not predict the largest {symbol})"
        return laws[0] if self.decided else f"undecided ({', '.join(laws)})"

    def __str__(self) -> str:
        return self.named()


def choose_law(n: Sequence[float], y: Sequence[float], noise: Noise | None = None) -> Choice | None:
    """None below 5 sizes (AICc is not defined for two parameters) or when y is not positive everywhere. `noise`: of
    log(y) at one size."""
    if len(n) < 5 or min(y) <= 0:
        return None
    x, values = np.asarray(n, float), np.asarray(y, float)
    ranking = sorted((f for law, terms in LAWS.items() if (f := _fit(law, terms, x, values))), key=lambda f: f.aicc)
    supported = [f for f in ranking if f.aicc - ranking[0].aicc < DECIDED]
    fits = any(not _leaves_a_trend(f, x, values) and not _exceeds(f, noise, len(x)) for f in supported)
    return Choice(tuple(ranking), fits, _predicts(ranking[0], x, values))


def _exceeds(law: LawFit, noise: Noise | None, sizes: int) -> bool:
    """Whether the residuals are larger than the noise between processes makes them."""
    freedom = sizes - len(law.coefficients)
    return noise is not None and exceeds_noise(law.scatter**2 * sizes / freedom, freedom, noise)


def _predicts(law: LawFit, n: np.ndarray, y: np.ndarray) -> bool:
    held_out = HELD_OUT.get(len(n), MOST_HELD_OUT)
    terms = [LAWS[law.law][name] for name in law.coefficients]
    known, ahead = n[:-held_out], n[-held_out:]
    if len(known) < len(terms):
        return False
    coefficients = _relative_least_squares(np.stack([f(known) for f in terms], axis=1) / y[:-held_out, None])
    predicted = np.stack([f(ahead) for f in terms], axis=1) @ coefficients
    return bool(np.all(np.abs(np.log(y[-held_out:] / predicted)) < PREDICTED))


def _leaves_a_trend(law: LawFit, n: np.ndarray, y: np.ndarray) -> bool:
    """Whether slope and bend of the residuals explain more of them than two free coefficients do by chance."""
    if law.scatter < ROUNDING:
        return False
    residuals = np.log(y / sum(c * LAWS[law.law][term](n) for term, c in law.coefficients.items()))
    x, freedom = np.log(n), len(n) - 3
    left = residuals - np.polyval(np.polyfit(x - x.mean(), residuals, 2), x - x.mean())
    if left @ left < len(n) * ROUNDING**2:
        return True
    ratio = (residuals @ residuals - left @ left) / 2 / (left @ left / freedom)
    return bool(f_distribution.sf(ratio, 2, freedom) < 1 - CONFIDENCE)


def _fit(law: str, terms: Terms, n: np.ndarray, y: np.ndarray) -> LawFit | None:
    m, p = len(n), len(terms) + 1
    if m - p - 1 < 1:
        return None
    shares = np.stack([f(n) for f in terms.values()], axis=1) / y[:, None]  # of y, per unit of each coefficient
    if not shares.any(axis=1).all():
        return None  # n log n is 0 at n = 1
    coefficients = _relative_least_squares(shares)
    if np.any((shares * coefficients).max(axis=0) < ROUNDING):
        return None  # collapsed: a term contributes nothing at any size
    rss = float(np.sum(np.log(shares @ coefficients) ** 2))
    aicc = m * np.log(max(rss / m, ROUNDING**2)) + 2 * p + 2 * p * (p + 1) / (m - p - 1)
    return LawFit(law, dict(zip(terms, coefficients.tolist(), strict=True)), float(np.sqrt(rss / m)), float(aicc))


def _relative_least_squares(shares: np.ndarray) -> np.ndarray:
    """Coefficients >= 0 that minimise the squares of log(sum of shares), by damped Gauss-Newton.

    With J the shares divided by their sum f, a step solves min |log f + J (new - old)|, and J old = 1: a least-squares
    problem in `new` alone, which nnls keeps at or above 0. One coefficient is solved in one step.
    """
    if shares.shape[1] == 1:
        return np.exp(-np.log(shares).mean(axis=0))
    unit = shares.max(axis=0)
    design = shares / unit
    c, _ = nnls(design, np.ones(len(design)))  # least relative errors: the same to first order
    for _ in range(MOST_STEPS):
        f = design @ c
        new, _ = nnls(design / f[:, None], 1 - np.log(f))
        better = _damped(design, c, new)
        if np.allclose(better, c, rtol=1e-12, atol=0):
            break
        c = better
    return c / unit


def _damped(design: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The first of new, half-way, a quarter ... that is no worse than old."""
    before = np.sum(np.log(design @ old) ** 2)
    for halvings in range(30):
        c = old + (new - old) / 2**halvings
        f = design @ c
        if np.all(f > 0) and np.sum(np.log(f) ** 2) <= before:
            return c
    return old
