"""Intervals cover the truth as often as they say, and agree with known values."""

from __future__ import annotations

import numpy as np
import pytest

from omnisight_lab.analytics.statistics import poisson_interval, wilson_interval

TRIALS = 20_000


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)])
def test_poisson_limits_of_the_tables(count: int, low: float, high: float) -> None:
    """Garwood's table, as in Ulm (1990)."""
    found = poisson_interval([count], [1.0])
    assert (found[0][0], found[1][0]) == (pytest.approx(low, rel=1e-3), pytest.approx(high, rel=1e-3))


@pytest.mark.parametrize("rate", [0.05, 0.7, 3.0, 40.0])
@pytest.mark.parametrize("hours", [0.25, 1.0, 24.0])
def test_poisson_intervals_cover_the_true_rate(rate: float, hours: float) -> None:
    counts = np.random.default_rng(1).poisson(rate * hours, TRIALS)
    low, high = poisson_interval(counts, np.full(TRIALS, hours))
    covered = ((low <= rate) & (rate <= high)).mean()
    assert covered >= 0.95 - 0.005, "exact: never less than it says, but for the simulation's own chance"
    assert ((low > rate).mean(), (high < rate).mean()) <= (0.03, 0.03)


def test_without_effort_there_is_no_rate() -> None:
    low, high = poisson_interval([0, 3], [0.0, 0.0])
    assert np.isnan(low).all() and np.isnan(high).all()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("trials", [12, 100, 1000])
def test_wilson_intervals_cover_the_true_share(share: float, trials: int) -> None:
    hits = np.random.default_rng(2).binomial(trials, share, TRIALS)
    low, high = wilson_interval(hits, np.full(TRIALS, trials))
    covered = ((low <= share) & (share <= high)).mean()
    # Approximate by design: about 95 % in the mean over shares, less near the borders of small samples
    assert covered > 0.92


def test_wilson_by_hand() -> None:
    """Newcombe (1998): 81 of 263, and 0 of 20."""
    low, high = wilson_interval([81, 0, 5], [263, 20, 0])
    assert low[:2].round(4).tolist() == [0.2553, 0.0]
    assert high[:2].round(4).tolist() == [0.3662, 0.1611]
    assert np.isnan([low[2], high[2]]).all()
