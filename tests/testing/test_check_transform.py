from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from backprop_jax.testing import check_transform
from tests.catalogue import normal

PARAMS = {"w": normal(3, 2), "b": (normal(2), None)}
GOOD = [
    optim.sgd(0.1, momentum=0.9, nesterov=True),
    optim.adamw(optim.cosine_decay_schedule(0.1, 10)),
    optim.chain(optim.clip_by_global_norm(1.0), optim.adam(1e-3)),
]


@pytest.mark.parametrize("transform", GOOD, ids=repr)
def test_our_transforms_keep_the_laws(transform: optim.Transform) -> None:
    check_transform(transform, PARAMS)


class Sum(NamedTuple):
    total: Any


@dataclass(frozen=True)
class Accumulate(optim.Transform):
    """Adds up gradients; each fault breaks one law."""

    fault: str = ""

    def init(self, params: Any) -> Any:
        return Sum(jax.tree.map(jnp.zeros_like, params))

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        if self.fault == "extra" and extra:
            raise TypeError("unexpected keyword")
        total = jax.tree.map(lambda sum_, update: sum_ + update, state.total, updates)
        if self.fault == "state type":
            total = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), total)
        if self.fault == "update type":
            return jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), total), Sum(total)
        if self.fault == "structure":
            return jax.tree.leaves(total), Sum(total)
        return total, Sum(total)


def test_a_correct_one_passes() -> None:
    check_transform(Accumulate(), PARAMS)


@pytest.mark.parametrize(
    ("fault", "message"),
    [("state type", "compiled again|the state is"), ("update type", "updates .*bfloat16"), ("structure", "updates")],
)
def test_faults_are_named(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_transform(Accumulate(fault), PARAMS)


def test_a_transform_without_extra_arguments_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        check_transform(Accumulate("extra"), PARAMS)


def test_closures_are_no_values() -> None:
    class Closure:
        init = staticmethod(lambda params: ())
        update = staticmethod(lambda updates, state, params=None, **extra: (updates, state))

    with pytest.raises(AssertionError, match="a copy is not equal"):
        check_transform(Closure(), PARAMS)
