from __future__ import annotations

import pytest

from backprop_jax import optim


def test_optimistic_adam_warns_and_is_its_second_version() -> None:
    with pytest.warns(DeprecationWarning, match="use `optimistic_adam_v2` instead") as warned:
        first = optim.optimistic_adam(0.1, b1=0.8)
    assert first == optim.optimistic_adam_v2(1.0, alpha=0.1, beta=0.1, b1=0.8)
    assert warned[0].filename == __file__


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_optimistic_adam_takes_no_schedule_and_no_negative_rate() -> None:
    with pytest.raises(ValueError, match=r"learning_rate must be a number, got constant_schedule\(value=0.1\)"):
        optim.optimistic_adam(optim.constant_schedule(0.1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must not be negative or NaN, got -0.1"):
        optim.optimistic_adam(-0.1)
