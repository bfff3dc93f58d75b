"""Intervals of counts and shares, over whole columns at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2, norm

Numbers = npt.NDArray[np.float64]

LEVEL = 0.95


def poisson_interval(counts: npt.ArrayLike, effort: npt.ArrayLike, level: float = LEVEL) -> tuple[Numbers, Numbers]:
    """Exact limits of the rate `counts` / `effort` (both shape (n,)): NaN where there is no effort.

    Garwood (1936), by quantiles of chi-square; they cover the true rate at least with probability `level`.

    >>> low, high = poisson_interval([0, 10], [2.0, 2.0])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 2.398], [1.844, 9.195])
    """
    n, hours = np.asarray(counts, float), np.asarray(effort, float)
    hours = np.where(hours > 0, hours, np.nan)
    tail = (1 - level) / 2
    low = np.where(n > 0, chi2.ppf(tail, 2 * n) / 2, 0.0)
    high = chi2.ppf(1 - tail, 2 * n + 2) / 2
    return low / hours, high / hours


def wilson_interval(hits: npt.ArrayLike, trials: npt.ArrayLike, level: float = LEVEL) -> tuple[Numbers, Numbers]:
    """Limits of the share `hits` / `trials` (both shape (n,)): NaN where there are no trials. Wilson (1927).

    >>> low, high = wilson_interval([9, 0], [10, 10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.596, 0.0], [0.982, 0.278])
    """
    k, n = np.asarray(hits, float), np.asarray(trials, float)
    n = np.where(n > 0, n, np.nan)
    z = float(norm.ppf((1 + level) / 2))
    share = k / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
