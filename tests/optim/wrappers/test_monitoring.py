from __future__ import annotations

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, theirs, train

SHAPES = {"w": jax.ShapeDtypeStruct((3, 4), jnp.float32), "b": jax.ShapeDtypeStruct((4,), jnp.float32)}


def is_long(updates: Any) -> jax.Array:
    return optim.global_norm(updates) > 4.0


def test_measurements_are_those_of_optax() -> None:
    params, gradients = params_and_gradients(SHAPES)

    def build(of: Any) -> Any:
        measures = {"norm": optim.global_norm, "average": of("measure_with_ema")(optim.global_norm, 0.9)}
        measures["long"] = of("measure_with_ema")(is_long, decay=0.5, debias=False, accumulator_dtype="float32")
        return optax.chain(
            of("trace")(0.9), of("monitor")(measures), of("snapshot")("before", optim.global_norm), optax.scale(0.5)
        )

    _, mine, updates = train(build(lambda name: getattr(optim, name)), params, gradients)
    other_optimizer, other = build(theirs), None
    other = other_optimizer.init(params)
    for t in range(50):
        _, other = other_optimizer.update(jax.tree.map(lambda steps, t=t: steps[t], gradients), other)
    assert_close(mine, other, 1e-5)
    assert_close(updates, train(optax.chain(optax.trace(0.9), optax.scale(0.5)), params, gradients)[2], 1e-6)


def test_names_are_found_by_optax() -> None:
    optimizer = optim.chain(optim.scale(3.0), optim.monitor({"norm": optim.global_norm}))
    _, state = optimizer.update(jnp.array([3.0, 4.0]), optimizer.init(jnp.zeros(2)))
    assert optax.tree.get(state, "norm") == 15.0


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.snapshot("long", is_long),
        optim.snapshot("size", lambda updates: {"number": 2.0, "sum": updates["w"].sum()}),
        optim.monitor({"long": is_long, "often": optim.measure_with_ema(is_long, 0.9)}),
        optim.monitor({"sum": lambda updates: updates["w"].sum(), "adam": optim.scale_by_adam()}),
    ],
    ids=["snapshot", "snapshot of a tree", "monitor", "monitor of a transform"],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_states_keep_their_types(optimizer: Any, dtype: str) -> None:
    # Also where the gradient has another dtype than the parameters, and with it the measure.
    shapes = {"w": jax.ShapeDtypeStruct((3,), jnp.float32), "none": None}
    gradient = {"w": jax.ShapeDtypeStruct((3,), dtype), "none": None}
    state = jax.eval_shape(optimizer.init, shapes)
    updates, new_state = jax.eval_shape(lambda *args: optimizer.update(*args, unknown=1), gradient, state, shapes)
    assert new_state == state and updates == gradient
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(state))
    assert jax.tree.structure(optimizer.init(shapes)) == jax.tree.structure(state)


def test_init_measures_the_parameters_or_nothing_yet() -> None:
    params = jnp.array([3.0, 4.0])
    assert optim.snapshot("norm", optim.global_norm).init(params).measurement == {"norm": 5.0}
    assert optim.monitor({"norm": optim.global_norm}).init(params).measurements == {"norm": 0.0}


def test_a_monitor_goes_on_from_the_state_of_optax() -> None:
    state: Any = optax.monitor({"norm": optim.global_norm}).init(jnp.ones(2))
    _, state = optim.monitor({"norm": optim.global_norm}).update(jnp.array([3.0, 4.0]), state)
    assert state.measurements == {"norm": 5.0}


def test_the_average_of_a_bool_is_its_frequency() -> None:
    measure = optim.measure_with_ema(lambda updates: updates > 0, 0.5)
    state, averages = measure.init(jnp.array(1.0)), []
    for gradient in (1.0, -1.0, 1.0):
        average, state = measure.update(jnp.array(gradient), state)
        averages.append(float(average))
    # Weights 1/2, 1/4 and 1/8, the last gradient first, over their sum.
    np.testing.assert_allclose(averages, [1.0, 1 / 3, 5 / 7], rtol=1e-6)


def test_extra_reaches_transforms_that_measure() -> None:
    def update(updates: Any, state: Any, params: Any = None, *, loss: Any = 0.0) -> tuple[Any, Any]:
        return loss, state

    optimizer = optim.monitor({"loss": optax.GradientTransformationExtraArgs(optax.init_empty_state, update)})
    _, state = optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)), loss=7.0)
    assert state.measurements == {"loss": 7.0}


def test_monitors_are_values() -> None:
    build = lambda *names: optim.monitor({name: optim.measure_with_ema(is_long, 0.9) for name in names})
    assert build("a", "b") == build("a", "b") and hash(build("a", "b")) == hash(build("a", "b"))
    assert build("a", "b") != build("b", "a")  # their states differ in order
    assert pickle.loads(pickle.dumps(build("a"))) == build("a") != optim.identity()


def test_wrong_decay_is_named() -> None:
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), got 1.0"):
        optim.measure_with_ema(is_long, 1.0)
