"""Accounts of privacy against published figures and the analytic Gaussian mechanism."""

import sys

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from backprop_jax.harvest import noise_for, privacy_spent


def _gaussian_epsilon(noise: float, delta: float) -> float:
    """Balle & Wang, 2018, arXiv:1805.06083, theorem 8, for one release with sensitivity 1."""

    def excess(epsilon: float) -> float:
        a, b = 1 / (2 * noise), epsilon * noise
        return norm.cdf(a - b) - np.exp(epsilon) * norm.cdf(-a - b) - delta

    return brentq(excess, 0, 100)  # pyright: ignore[reportReturnType]


def test_one_step_on_all_data_is_the_gaussian_mechanism() -> None:
    for noise in (0.8, 3.0):
        np.testing.assert_allclose(privacy_spent(noise, 1.0, 1, 1e-5), _gaussian_epsilon(noise, 1e-5), rtol=1e-3)


def test_steps_on_all_data_are_one_of_less_noise() -> None:
    # T Gaussian releases are together one with the noise divided by √T (Dong, Roth & Su, 2019, corollary 3.3).
    np.testing.assert_allclose(privacy_spent(6.0, 1.0, 9, 1e-6), _gaussian_epsilon(2.0, 1e-6), rtol=1e-3)


def test_sampling_helps_and_the_noise_is_found_again() -> None:
    # 1 % of the data, 10,000 steps: 5.19 by privacy loss distributions, 5.63 by Rényi's divergence.
    np.testing.assert_allclose(privacy_spent(1.1, 0.01, 10_000, 1e-5), 5.193, atol=0.01)
    np.testing.assert_allclose(noise_for(_gaussian_epsilon(2.0, 1e-5), 1.0, 1, 1e-5), 2.0, rtol=1e-3)
    assert privacy_spent(1.0, 0.5, 0, 1e-5) == 0


def test_bad_settings_and_a_missing_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, message in (
        ((0.0, 0.1, 1, 1e-5), "noise above 0"),
        ((1.0, 1.5, 1, 1e-5), "rate above 0 and at most 1, not 1.5"),
        ((1.0, 0.1, -1, 1e-5), "steps, 0 or more, not -1"),
        ((1.0, 0.1, 1, 0.0), "delta between 0 and 1, not 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            privacy_spent(*wrong)
    for wrong, message in (
        ((-1.0, 0.1, 1, 1e-5), "epsilon above 0, not -1"),
        ((float("inf"), 0.1, 1, 1e-5), "finite epsilon above 0, not inf"),
        ((1.0, 0.1, 0, 1e-5), "steps, 1 or more, not 0"),
    ):
        with pytest.raises(ValueError, match=message):
            noise_for(*wrong)
    with pytest.raises(ValueError, match=r"whole number of steps, 1 or more, not 1\.5"):
        noise_for(1.0, 0.1, 1.5, 1e-5)  # pyright: ignore[reportArgumentType]
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(ModuleNotFoundError, match=r"dp-accounting.*pip install 'backprop-jax\[privacy\]'"):
        privacy_spent(1.0, 0.1, 1, 1e-5)
