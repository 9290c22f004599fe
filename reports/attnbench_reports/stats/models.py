"""Which law a growth follows: corrected AIC among few laws, fitted to the logarithms, or "undecided".

A law is a sum of coefficients >= 0 times fixed functions of n. Least squares on log y (relative errors count alike at
every size) gives its residual sum RSS over m sizes, and AICc = m log(RSS / m) + 2 p + 2 p (p + 1) / (m - p - 1) with
p = coefficients + 1 for the scatter (Hurvich & Tsai 1989, section 2). Laws within 4 of the best have considerable
support (Burnham & Anderson 2002, section 2.6): then the choice is "undecided" and names them. A law whose further term
comes out as 0 is the simpler law under another name and is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares, nnls

DECIDED = 4.0
ROUNDING = 1e-7  # residuals below this share are rounding, and equal for all laws that reach them

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

    @property
    def best(self) -> LawFit:
        return self.ranking[0]

    @property
    def supported(self) -> tuple[LawFit, ...]:
        """The best and every law within DECIDED of it."""
        return tuple(fit for fit in self.ranking if fit.aicc - self.best.aicc < DECIDED)

    @property
    def decided(self) -> bool:
        return len(self.supported) == 1

    def __str__(self) -> str:
        """n^2, or: undecided (n^2, bn+cn^2)"""
        return self.best.law if self.decided else f"undecided ({', '.join(fit.law for fit in self.supported)})"


def choose_law(n: Sequence[float], y: Sequence[float]) -> Choice | None:
    """None below 5 sizes (AICc is not defined for two parameters) or when y is not positive everywhere."""
    if len(n) < 5 or min(y) <= 0:
        return None
    x, values = np.asarray(n, float), np.asarray(y, float)
    fits = [fit for law, terms in LAWS.items() if (fit := _fit(law, terms, x, values))]
    return Choice(tuple(sorted(fits, key=lambda fit: fit.aicc)))


def _fit(law: str, terms: Terms, n: np.ndarray, y: np.ndarray) -> LawFit | None:
    m, p = len(n), len(terms) + 1
    if m - p - 1 < 1:
        return None
    shares = np.stack([f(n) for f in terms.values()], axis=1) / y[:, None]  # of y, per unit of each coefficient
    coefficients = _relative_least_squares(shares)
    if np.any((shares * coefficients).max(axis=0) < ROUNDING):
        return None  # collapsed: a term contributes nothing at any size
    rss = float(np.sum(np.log(shares @ coefficients) ** 2))
    aicc = m * np.log(max(rss / m, ROUNDING**2)) + 2 * p + 2 * p * (p + 1) / (m - p - 1)
    return LawFit(law, dict(zip(terms, coefficients.tolist(), strict=True)), float(np.sqrt(rss / m)), float(aicc))


def _relative_least_squares(shares: np.ndarray) -> np.ndarray:
    """Coefficients >= 0 that minimise the squares of log(sum of shares)."""
    if shares.shape[1] == 1:
        return np.exp(-np.log(shares).mean(axis=0))
    unit = shares.max(axis=0)
    start, _ = nnls(shares / unit, np.ones(len(shares)))  # minimises relative errors: the same to first order
    result = least_squares(
        lambda c: np.log(shares / unit @ c),
        np.maximum(start, 1e-12),
        jac=lambda c: (shares / unit) / (shares / unit @ c)[:, None],
        bounds=(0, np.inf),
        xtol=1e-15, ftol=1e-15, gtol=1e-15,
    )  # fmt: skip
    return result.x / unit
