"""Scale: the standard deviation of log times, estimated so that an outlier cannot inflate it."""

from collections.abc import Sequence
from itertools import combinations

# Rousseeuw & Croux 1993, section 3: consistent for normal noise, 82 % efficient (the median absolute deviation: 37 %).
QN_CONSISTENCY = 2.2219
# Croux & Rousseeuw 1992, table 2: factors that make it unbiased for few values.
QN_FEW = {2: 0.399, 3: 0.994, 4: 0.512, 5: 0.844, 6: 0.611, 7: 0.857, 8: 0.669, 9: 0.872}


def scale(values: Sequence[float]) -> float:
    """Qn: the k-th smallest distance between two values, k = C(n/2 + 1, 2); 0 for fewer than two values."""
    n = len(values)
    if n < 2:
        return 0.0
    half = n // 2 + 1
    distances = sorted(abs(a - b) for a, b in combinations(map(float, values), 2))
    factor = QN_FEW.get(n) or (n / (n + 1.4) if n % 2 else n / (n + 3.8))
    return QN_CONSISTENCY * factor * distances[half * (half - 1) // 2 - 1]
