# Annotations are not imported from the future here: those of the transform below are what a user's may be.
from dataclasses import dataclass
from typing import Any

import optax
import pytest

from backprop_jax import optim
from backprop_jax.optim.leafwise import PyTree

OF_OPTAX = optax.trace(0.9)
SCHEDULE = optim.cosine_decay_schedule(0.1, 10)


def nested(decay: float, rate: Any) -> optim.Transform:
    """Transforms in every place where one can be."""
    mask = {"w": True}
    parts = optim.partition({"a": optim.trace(decay), "b": OF_OPTAX}, {"w": "a"})
    grouped = optim.groups({"w": optim.trace(decay)}, default=optim.masked(optim.scale_by_learning_rate(rate), mask))
    return optim.chain(optim.named_chain(("first", parts), ("second", optim.MultiSteps(grouped, 3))), optim.scale(2.0))


def test_transforms_are_found_in_tuples_dicts_and_fields() -> None:
    assert optim.replace_hyperparams(nested(0.5, 0.1), decay=0.8, learning_rate=0.3) == nested(0.8, 0.3)
    assert list(optim.hyperparams(nested(0.5, 0.1))) == ["decay", "learning_rate", "every_k_schedule", "step_size"]


def test_a_number_in_place_of_a_schedule_keeps_the_state_valid() -> None:
    constant = optim.constant_schedule(0.3)
    assert optim.replace_hyperparams(optim.sgd(SCHEDULE), learning_rate=0.3) == optim.sgd(constant)
    assert optim.replace_hyperparams(optim.sgd(0.1), learning_rate=SCHEDULE) == optim.sgd(SCHEDULE)


@dataclass(frozen=True)
class many_fields(optim.Transform):
    number: float = 0.5
    count: Any = 2
    size: int = 3
    size_or_none: int | None = 4
    labels: "PyTree | None" = 5
    flag: bool = True
    function: Any = abs
    schedule: optim.ScalarOrSchedule = SCHEDULE
    annotated_as_text: "optim.Schedule | None" = SCHEDULE
    nothing: optim.ScalarOrSchedule | None = None

    def init(self, params: Any) -> Any:
        return ()

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return updates, state


def test_which_fields_are_hyperparameters() -> None:
    assert list(optim.hyperparams(many_fields())) == ["number", "count", "schedule", "annotated_as_text"]


def test_what_is_refused() -> None:
    with pytest.raises(
        ValueError, match="no transform has size, step_size; there are annotated_as_text, count, number"
    ):
        optim.replace_hyperparams(many_fields(), step_size=0.2, size=4)
    with pytest.raises(ValueError, match="no transform has step_size; there are none"):
        optim.replace_hyperparams(optim.identity(), step_size=0.2)
    with pytest.raises(ValueError, match="b1 must be in"):
        optim.replace_hyperparams(optim.adam(0.1), b1=1.5)
