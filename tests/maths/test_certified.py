"""What fresh runs say, against simulations with stated errors, scipy, and closed forms."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from danlu.maths.certified import certified, leading
from danlu.maths.leads import lead, spent
from danlu.maths.selected import selected_interval, selected_mean
from danlu.maths.ties import chances, guessed, tied


def test_a_look_is_students_t_test_at_its_share_of_the_error():
    differences = [0.3, 0.1, 0.5, 0.2]
    found = lead(differences, error=0.1, look=2)
    assert found.freedom == 3
    t = stats.ttest_1samp(differences, 0.0)
    assert found.mean / found.error == pytest.approx(t.statistic)
    assert found.asked / found.error == pytest.approx(stats.t.isf(spent(0.1, 2), 3))
    assert found.beyond == (t.pvalue / 2 < spent(0.1, 2))
    pooled = lead(differences, [[0.0, 0.4], [math.inf, 1.0]], error=0.1, look=2)
    squares = np.var(differences) * 4 + np.var([0.0, 0.4]) * 2
    assert pooled.freedom == 4
    assert pooled.error == pytest.approx(math.sqrt(squares / 4 / 4))


def test_failures_and_what_does_not_vary_decide_alone():
    assert lead([math.inf, 0.1], error=0.05, look=1).beyond
    assert not lead([-math.inf, 0.1], error=0.05, look=1).beyond
    assert not lead([math.inf, -math.inf], error=0.05, look=1).beyond
    assert lead([0.1, 0.1], error=0.05, look=1).beyond
    assert not lead([0.0, 0.0], error=0.05, look=1).beyond
    assert not lead([0.5], error=0.05, look=1).beyond, "one difference says nothing of the noise"


def test_the_chance_of_error_holds_over_all_looks():
    """Nine looks at 4,000 comparisons of equals: an error of 10 % is exceeded by chance once in a thousand times."""
    rng = np.random.default_rng(1)
    wrong = 0
    for row in rng.standard_normal((4000, 10)):
        wrong += any(lead(row[:count], error=0.1, look=count - 1).beyond for count in range(2, 11))
    assert wrong <= stats.binom.isf(0.001, 4000, 0.1)
    assert wrong > 4000 * 0.04, "and the bound is no idle one"


def test_the_selected_mean_is_what_the_truncated_normal_says():
    """Against numerical integration of the second stage's mean, given the sum and the selection."""
    x1, y, x2, noise, first, later = 1.0, 1.2, 1.05, 0.2, 3, 2
    v1, v2 = noise**2 / first, noise**2 / later
    z = (v2 * x1 + v1 * y) / (v1 + v2)

    def density(given):  # of y, where x1 follows from z
        other = (z * (v1 + v2) - v1 * given) / v2
        return math.exp(-0.5 * (given**2 / v1 * v1 / v2 + other**2 / v1)) if other < x2 else 0.0

    edge = (z * (v1 + v2) - v2 * x2) / v1  # above it the first stage's mean is below x2
    whole = integrate.quad(density, edge, edge + 6)[0]
    mean = integrate.quad(lambda given: given * density(given), edge, edge + 6)[0] / whole
    assert selected_mean(x1, y, x2, noise, first, later) == pytest.approx(mean, rel=1e-6)


def test_what_is_selected_is_reported_without_optimism_and_covered():
    """5,000 selections among three equals: bias within four standard errors of 0, misses of 10 % within four of theirs."""
    rng = np.random.default_rng(2)
    biases, plain, missed = [], [], 0
    for place in range(5000):
        first = rng.standard_normal((3, 2)).mean(1)
        later = rng.standard_normal(2).mean()
        order = np.sort(first)
        biases.append(selected_mean(order[0], later, order[1], 1.0, 2, 2))
        plain.append((order[0] + later) / 2)
        if place < 500:
            low, high = selected_interval(order[0], later, order[1], 1.0, 2, 2, miss=0.1)
            assert low <= biases[-1] <= high
            missed += not low <= 0.0 <= high
    assert abs(np.mean(biases)) < 4 * np.std(biases) / math.sqrt(5000)
    assert np.mean(plain) < -0.2, "the mean of all measurements is optimistic"
    assert abs(missed - 50) < 4 * math.sqrt(45)


def test_an_interval_without_a_rival_is_the_usual_one():
    low, high = selected_interval(1.0, 3.0, math.inf, 2.0, 4, 4, miss=0.05)
    assert (low, high) == pytest.approx(stats.norm.interval(0.95, 2.0, 2.0 / math.sqrt(8)))
    far = selected_interval(1.0, 3.0, 50.0, 2.0, 4, 4, miss=0.05)
    assert far == pytest.approx((low, high), abs=0.01)


def test_candidates_that_are_no_better_are_hardly_ever_adopted():
    """1,000 races of three equals beside their equal: an error of 5 % is exceeded by chance once in a thousand times."""
    rng = np.random.default_rng(3)
    adopted = sum(race(rng, 0.0).adopted for _ in range(1000))
    assert adopted <= stats.binom.isf(0.001, 1000, 0.05)
    assert sum(race(rng, 6.0).adopted for _ in range(50)) > 35


def race(rng, better):
    first = rng.standard_normal((3, 2)) - better
    default = rng.standard_normal(5)
    leader = leading(first, 2)
    rows = [list(row) for row in first]
    rows[leader] += list(rng.standard_normal(3) - better)
    found = certified(list(default), rows, first=2)
    assert found.leader == leader
    return found


def test_of_one_candidate_the_interval_is_students_with_the_noise_drawn_to_all():
    default, own = [4.0, 4.2, -4.1], [-1.0, -1.2, -1.1]
    found = certified(default, [own], first=2)
    assert not found.logs
    kept = certified([0.1, -0.2, 0.0], [[0.1, 0.0, -0.1]], first=2)
    assert not kept.adopted
    assert kept.estimate == pytest.approx(-0.1 / 3)
    squares = np.var([0.1, -0.2, 0.0]) * 3, np.var([0.1, 0.0, -0.1]) * 3
    noise = math.sqrt((2 * (sum(squares) / 4) + squares[0]) / 4)
    assert kept.noise == pytest.approx(noise)
    assert kept.freedom == 4
    reach = stats.t.isf(0.05, 4) * noise / math.sqrt(3)
    assert (kept.low, kept.high) == pytest.approx((kept.estimate - reach, kept.estimate + reach))


def test_ratios_are_judged_where_losses_are_positive():
    one = certified([2.0, 2.2, 1.9], [[1.0, 1.1, 0.9]], first=2)
    other = certified([2000.0, 2200.0, 1900.0], [[1000.0, 1100.0, 900.0]], first=2)
    assert one.logs
    assert other.leads[-1].mean == pytest.approx(one.leads[-1].mean)
    assert (other.low, other.estimate, other.high) == pytest.approx(
        (1000 * one.low, 1000 * one.estimate, 1000 * one.high)
    )


def test_failures_on_fresh_seeds():
    bad = certified([1.0, 1.1, 1.0], [[0.1, math.inf], [0.5, 0.6, 0.5]], first=2)
    assert bad.leader == 1
    assert bad.adopted
    none = certified([1.0, 1.1], [[math.inf, 0.1]], first=2)
    assert (none.leader, none.adopted) == (-1, False)
    assert none.estimate == pytest.approx(1.05)
    later = certified([1.0, 1.1, 1.0], [[0.5, 0.6, math.inf]], first=2)
    assert not later.adopted, "what fails on a later seed is not adopted"
    fragile = certified([math.inf, 1.1, 1.0], [[0.9, 1.2, 1.0]], first=2)
    assert fragile.adopted, "a default that fails is no default"
    both = certified([math.inf, 1.0], [[math.inf, 0.9]], first=2)
    assert not both.adopted
    assert both.estimate == math.inf


def test_without_noise_the_estimate_is_exact():
    found = certified([2.0, 2.0], [[1.0, 1.0], [1.5, 1.5]], first=2)
    assert found.adopted
    assert found.noise == 0.0
    assert found.low == found.estimate == found.high == 1.0


def test_earlier_looks_leave_less_to_the_later_ones():
    rows = [2.0, 2.1, 2.0], [[1.5, 1.7, 1.6]]
    assert certified(*rows, first=2, looks=40).leads[0].asked > certified(*rows, first=2).leads[0].asked


def test_ties_are_the_likeliest_and_shrinkage_is_the_normal_posterior():
    assert tied(np.array([0.5, 0.5]), 5) == [0, 1]
    assert tied(np.array([1.0, 0.0]), 5) == [0]
    assert tied(np.array([0.2, 0.3, 0.5]), 2) == [2, 1]
    rng = np.random.default_rng(0)
    losses = np.array([0.0, 1.0, 2.0, 30.0, 40.0])
    draws = guessed(losses, 0.5, rng, 40_000)
    half = losses[:3]
    reliable = 1 - 0.25 / half.var(ddof=1)
    assert np.allclose(draws.mean(0), half.mean() + reliable * (losses - half.mean()), atol=0.02)
    assert np.allclose(draws.std(0), math.sqrt(reliable) * 0.5, rtol=0.02)
    assert np.array_equal(guessed(losses, 0.0, rng, 3), np.tile(losses, (3, 1)))
    assert chances(guessed(np.ones(3), None, rng, 10)).sum() == 1.0
