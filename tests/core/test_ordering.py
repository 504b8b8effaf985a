import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax.core.ordering import in_order
from tests.catalogue import normal


def test_nothing_is_changed() -> None:
    first, then = (
        (jnp.ones(0), jnp.array([3.0, -0.5])),
        {"x": jnp.array([1.5]), "ids": jnp.array([7]), "key": jax.random.key(1)},
    )
    for run in (in_order, jax.jit(in_order)):
        (_, same_first), same = run(first, then)
        np.testing.assert_array_equal(same_first, first[1])
        assert same["x"].tolist() == [1.5] and same["ids"].tolist() == [7]
        assert (jax.random.key_data(same["key"]) == jax.random.key_data(then["key"])).all()
    assert in_order((), then)[1] is then and in_order(first, ()) == (first, ())


def test_numbers_of_any_size_leave_no_trace() -> None:
    for value in (0.0, 1e30, -1e30, float("nan"), float("inf"), 46341.0, 2**31 - 1.0):
        assert float(jax.jit(in_order)(jnp.array([value]), jnp.array(2.5))[1]) == 2.5


def test_a_training_step_copies_no_weight() -> None:
    """XLA copies a donated weight when it cannot see that the weight is read before its update is written."""
    model = bp.chain(bp.Dense(96), bp.ReLU(), bp.Dense(96), bp.ReLU(), bp.Dense(96))
    objective = bp.supervised(model, bp.losses.MeanSquaredError())
    batch = (normal(8, 64), normal(8, 96))
    params, state = objective.init(jax.random.key(0), batch)

    def step(params, batch):
        _, gradient = bp.value_and_grad(objective)(params, state, batch)
        return jax.tree.map(lambda param, by: param - 0.1 * by, params, gradient)

    def step_by_jax(params, batch):
        gradient = jax.grad(lambda params: objective.forward(params, state, batch)[0])(params)
        return jax.tree.map(lambda param, by: param - 0.1 * by, params, gradient)

    def copies(step) -> int:
        program = jax.jit(step, donate_argnums=0).lower(params, batch).compile().as_text()
        return program.count("f32[96,96]{1,0} copy(")

    assert copies(step) == 0
    assert copies(step_by_jax) > 0  # or else this test would say nothing


def test_second_derivatives_go_through() -> None:
    model = bp.chain(bp.Dense(4), bp.Tanh(), bp.skip(bp.remat(bp.LayerNorm(), bp.Dense(4), bp.ReLU())), bp.Dense(1))
    objective = bp.supervised(model, bp.losses.MeanSquaredError())
    batch = (normal(3, 2), normal(3, 1))
    params, state = objective.init(jax.random.key(0), batch)

    def by_hand(params):
        return bp.value_and_grad(objective)(params, state, batch)[1]

    by_jax = jax.grad(lambda params: objective.forward(params, state, batch)[0])
    products = (jax.jit(lambda p, rule=rule: jax.jvp(rule, (p,), (p,))[1])(params) for rule in (by_hand, by_jax))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *products)
