"""How much private training tells about a single example: the accounts are dp-accounting's."""

import math
from types import ModuleType

from backprop_jax.core.whole_number import whole_number

__all__ = ["noise_for", "privacy_spent"]


def privacy_spent(noise: float, rate: float, steps: int, delta: float) -> float:
    """The ε of (ε, δ)-differential privacy after so many steps of `private_value_and_grad`.

    Examples must have come into the batches with probability `rate` each (`poisson_batches`), and data sets are
    neighbours if one has an example more. By the privacy loss distribution of the sampled Gaussian mechanism.

    Units:    `noise` is the noise multiplier; `delta` is a probability, usually below 1 / the number of examples.
    Raises:   ValueError for a noise that is not above 0, a rate or delta that is no probability, or steps below 0;
              ModuleNotFoundError without the extra `privacy`.
    Source:   Koskela, Jälkö & Honkela, 2020, arXiv:1906.03049.
    """
    if not 0 < noise < math.inf:
        raise ValueError(f"privacy_spent needs a finite noise above 0, or nothing is private, not {noise!r}")
    _require_setting("privacy_spent", rate, steps, delta)
    accounting = _accounting()
    if steps == 0:
        return 0.0
    return float(_accountant().compose(_training(accounting, noise, rate, steps)).get_epsilon(delta))


def noise_for(epsilon: float, rate: float, steps: int, delta: float) -> float:
    """The least noise multiplier with which so many steps keep to (ε, δ): what `privacy_spent` is the inverse of.

    Raises:   ValueError for an epsilon that is not above 0 or fewer steps than 1, else as `privacy_spent`.
    """
    if not 0 < epsilon < math.inf:
        raise ValueError(f"noise_for needs a finite epsilon above 0, not {epsilon!r}")
    _require_setting("noise_for", rate, steps, delta, least=1)  # nothing is told in no steps, at any noise
    accounting = _accounting()
    found = accounting.calibrate_dp_mechanism(
        _accountant, lambda noise: _training(accounting, noise, rate, steps), epsilon, delta, tol=1e-4
    )
    return float(found)


def _training(accounting: ModuleType, noise: float, rate: float, steps: int):
    step = accounting.PoissonSampledDpEvent(rate, accounting.GaussianDpEvent(noise))
    return accounting.SelfComposedDpEvent(step, steps)


def _accountant():
    from dp_accounting import pld

    return pld.PLDAccountant()


def _accounting() -> ModuleType:
    try:
        import dp_accounting
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the accounts of privacy need the package dp-accounting: pip install 'backprop-jax[privacy]'"
        ) from error
    return dp_accounting


def _require_setting(caller: str, rate: float, steps: int, delta: float, least: int = 0) -> None:
    if not 0 < rate <= 1:
        raise ValueError(f"{caller} needs a rate above 0 and at most 1, not {rate!r}")
    if whole_number(steps, least) is None:
        raise ValueError(f"{caller} needs a whole number of steps, {least} or more, not {steps!r}")
    if not 0 < delta < 1:
        raise ValueError(f"{caller} needs a delta between 0 and 1, not {delta!r}")
