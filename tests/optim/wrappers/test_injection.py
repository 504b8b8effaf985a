from __future__ import annotations

import functools
import inspect
import pickle
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, train

GRADIENT = jnp.array([3.0, 4.0])
RISE = optim.linear_schedule(1.0, 5.0, 4)


def scale_by_power(base: float, *, sign: float = 1.0, **unused: Any) -> optim.scale:
    return optim.scale(sign * base**2)


def test_is_a_value() -> None:
    injected = optim.inject_hyperparams(optim.adam, "b1")(RISE, b2=0.9)
    text = "inject_hyperparams(adam, static_args=('b1',))(learning_rate={!r}, b2=0.9)"
    assert repr(injected) == text.format(RISE)
    again = optim.inject_hyperparams(optim.adam, ["b1"])(b2=0.9, learning_rate=RISE)
    assert injected == again and hash(injected) == hash(again)
    assert injected != optim.inject_hyperparams(optim.adam)(RISE, b2=0.9)
    assert injected != optim.inject_hyperparams(optim.adam, "b1")(RISE, b2=0.8)
    assert pickle.loads(pickle.dumps(injected)) == injected


def test_a_rebuilt_one_does_not_compile_again() -> None:
    compiled = []

    @functools.partial(jax.jit, static_argnums=0)
    def step(optimizer: Any, state: Any) -> Any:
        compiled.append(optimizer)
        return optimizer.update(GRADIENT, state)[1]

    build = lambda: optim.inject_hyperparams(optim.adam)(RISE, b1=0.5)
    state = build().init(GRADIENT)
    for b2 in (0.9, 0.8):
        state.hyperparams["b2"] = jnp.array(b2)
        state = step(build(), state)
    assert len(compiled) == 1


def test_hyperparameters_change_in_the_state() -> None:
    injected = optim.inject_hyperparams(scale_by_power)(RISE, sign=2.0, note="unused")
    state = injected.init(GRADIENT)
    factors = []
    for sign in (2.0, -1.0, 3):
        state.hyperparams.update(sign=sign, base=100.0)  # the schedule goes before what is set
        updates, state = injected.update(GRADIENT, state)
        factors.append(float(updates[0]) / 3)
    # The schedule is 1, 2, 3 at the three steps.
    np.testing.assert_allclose(factors, [2.0 * 1, -1.0 * 4, 3.0 * 9], rtol=1e-6)
    assert (
        state.count == 3 and state.hyperparams_states["base"].count == 3 and set(state.hyperparams) == {"base", "sign"}
    )


class Loss(NamedTuple):
    last: jax.Array


class by_loss:
    """As large as the loss of the step before."""

    def init(self) -> Loss:
        return Loss(jnp.ones(()))

    def update(self, state: Loss, *, loss: Any, **_: Any) -> Loss:
        return Loss(jnp.asarray(loss))

    def __call__(self, state: Loss, **_: Any) -> jax.Array:
        return state.last


def test_a_stateful_schedule_reads_extra_arguments() -> None:
    injected = optim.inject_hyperparams(optim.scale)(by_loss())
    state = injected.init(GRADIENT)
    updates, state = injected.update(GRADIENT, state, loss=7.0)
    assert updates.tolist() == [3.0, 4.0]
    updates, state = injected.update(GRADIENT, state, loss=0.0)
    assert updates.tolist() == [21.0, 28.0] and state.hyperparams_states["step_size"].last == 0.0


@pytest.mark.parametrize(
    ("params", "wanted", "dtype"),
    [
        (jnp.ones(2, jnp.bfloat16), None, "bfloat16"),
        ([jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.float16)], None, "float32"),
        (jnp.ones(2, jnp.complex64), None, "float32"),
        (jnp.ones(2, jnp.int32), None, "float32"),
        ({}, None, "float32"),
        (jnp.ones(2, jnp.bfloat16), jnp.float32, "float32"),
    ],
)
def test_dtype_of_float_hyperparameters(params: Any, wanted: Any, dtype: str) -> None:
    inject = optim.inject_hyperparams(optim.scale_by_adam, hyperparam_dtype=wanted)
    state = inject(lambda count: 0.5, b2=jnp.float16(0.5), eps=np.float64(0.5), eps_root=0).init(params)
    found = {name: (value.dtype.name, value.weak_type) for name, value in state.hyperparams.items()}
    assert found == {
        "b1": (dtype, False),
        "b2": ("float16", False),
        "eps": (dtype, False),
        "eps_root": ("int32", False),
    }


def test_all_complex_parameters() -> None:
    params, gradients = params_and_gradients([jax.ShapeDtypeStruct((3,), jnp.complex64)])
    mine = train(optim.inject_hyperparams(optim.adam)(0.1), params, gradients)
    other = train(optax.adam(0.1), params, gradients)
    assert_close((mine[0], mine[2]), (other[0], other[2]), 1e-5)


def test_a_class_is_no_schedule() -> None:
    injected = optim.inject_hyperparams(optim.scale_by_adam)(mu_dtype=jnp.bfloat16)
    assert injected.init(GRADIENT).inner_state.mu.dtype == jnp.bfloat16


def test_optax_factories_and_wrappers() -> None:
    params, gradients = params_and_gradients([jax.ShapeDtypeStruct((3,), jnp.float32)])
    other = train(optax.inject_hyperparams(optax.adam)(optax.linear_schedule(1.0, 5.0, 4)), params, gradients)
    adam: Any = optim.adam
    for injected in (optim.inject_hyperparams(optax.adam)(RISE), optax.inject_hyperparams(adam)(RISE)):
        assert_close(train(injected, params, gradients), other, 1e-5)
    injected = optim.inject_hyperparams(optim.scale_by_adam)()
    state = injected.init(params)
    mapped: Any = optax.tree.map_params(injected, lambda leaf: leaf + 1, state)
    assert mapped.inner_state.mu[0].tolist() == [1.0] * 3 and mapped.hyperparams == state.hyperparams


def test_it_has_the_signature_and_the_elementwise_of_the_inner_one() -> None:
    assert inspect.signature(optim.inject_hyperparams(optim.adam)) == inspect.signature(optim.adam)
    assert optim.inject_hyperparams(optim.adam)(RISE).elementwise
    assert not optim.inject_hyperparams(optim.lamb)(RISE).elementwise


def test_the_old_name_warns() -> None:
    with pytest.warns(DeprecationWarning, match="call inject_hyperparams"):
        assert optim.inject_stateful_hyperparams(optim.scale, hyperparam_dtype="float32")(2.0) == (
            optim.inject_hyperparams(optim.scale, hyperparam_dtype=jnp.float32)(2.0)
        )


def test_wrong_calls_are_named() -> None:
    with pytest.raises(TypeError, match=r"inner_factory is scale\(step_size=2.0\); pass a function that makes"):
        optim.inject_hyperparams(optim.scale(2.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"chain must take all arguments by names, .* but transforms has none"):
        optim.inject_hyperparams(optim.chain)
    with pytest.raises(
        ValueError, match=r"static_args names \['lr'\], which adam does not have; it has \['learning_rate'"
    ):
        optim.inject_hyperparams(optim.adam, "lr")
    with pytest.raises(ValueError, match="hyperparam_dtype must be a floating-point or complex dtype"):
        optim.inject_hyperparams(optim.adam, hyperparam_dtype="int32")
    with pytest.raises(TypeError, match="unexpected keyword argument 'lr'"):
        optim.inject_hyperparams(optim.adam)(0.1, lr=0.1)
    with pytest.raises(TypeError, match=r"what <lambda> returns is 3.*, which is no transform"):
        optim.inject_hyperparams(lambda rate: 3)(0.1).init(GRADIENT)
    with pytest.raises(ValueError, match=r"scale_by_adam: b1 must be in \[0, 1\)"):
        optim.inject_hyperparams(optim.adam)(0.1, b1=1.5).init(GRADIENT)
