import jax
import jax.numpy as jnp

import backprop_jax as bp
from tests.catalogue import normal


def test_nothing_is_saved_and_the_output_is_the_layer_s() -> None:
    layer, x = bp.chain(bp.Dense(5), bp.Tanh()), normal(4, 3)
    stopped = bp.stop_gradient(layer)
    params, state = stopped.init(jax.random.key(0), x)
    assert jnp.array_equal(stopped.forward(params, state, x)[0], layer.forward(params, state, x)[0])
    assert bp.residual_bytes(stopped, x) == 0 < bp.residual_bytes(layer, x)


def test_what_is_behind_it_trains_and_what_is_in_and_before_it_does_not() -> None:
    model = bp.chain(before=bp.Dense(4), frozen=bp.stop_gradient(bp.chain(bp.Dense(5), bp.GELU())), head=bp.Dense(2))
    objective = bp.supervised(model, bp.losses.CrossEntropy())
    x, target = normal(6, 3), jnp.array([0, 1, 1, 0, 1, 0])
    params, state = objective.init(jax.random.key(0), (x, target))
    _, gradient = bp.value_and_grad(objective)(params, state, (x, target))

    features, _, _ = bp.chain(model.children.layers[0], model.children.layers[1]).forward(
        (params["before"], params["frozen"]), ((), ((), ())), x
    )
    alone = bp.supervised(bp.Dense(2), bp.losses.CrossEntropy())
    _, of_the_head = bp.value_and_grad(alone)(params["head"], (), (features, target))
    assert all(jnp.array_equal(of_the_head[name], gradient["head"][name]) for name in ("w", "b"))
    assert not any(leaf.any() for leaf in jax.tree.leaves((gradient["before"], gradient["frozen"])))


def test_no_backward_of_the_frozen_layer_is_traced() -> None:
    def refuse(layer, params, residuals, dy):
        raise AssertionError("the backward of a frozen layer was called")

    model = bp.chain(bp.stop_gradient(bp.with_backward(bp.Dense(4), refuse)), bp.Dense(2))
    objective = bp.supervised(model, bp.losses.MeanSquaredError())
    batch = normal(3, 5), normal(3, 2)
    params, state = objective.init(jax.random.key(0), batch)
    jax.make_jaxpr(bp.value_and_grad(objective))(params, state, batch)


def test_statistics_still_move_unless_in_eval_mode() -> None:
    x = normal(8, 3)
    for layer, moves in ((bp.BatchNorm(), True), (bp.eval_mode(bp.BatchNorm()), False)):
        stopped = bp.stop_gradient(layer)
        params, state = stopped.init(jax.random.key(0), x)
        _, new_state, _ = stopped.forward(params, state, x)
        assert bool((new_state["mean"] != state["mean"]).any()) == moves


def test_a_model_is_frozen_and_thawed_with_the_same_parameters() -> None:
    model = bp.chain(backbone=bp.Dense(4), head=bp.Dense(2))

    def freeze(path: str, layer: bp.Layer) -> bp.Layer:
        return bp.stop_gradient(layer) if path == "backbone" else layer

    frozen = bp.rewrite_with_path(model, freeze)
    assert frozen == bp.chain(backbone=bp.stop_gradient(bp.Dense(4)), head=bp.Dense(2))
    params, _ = model.init(jax.random.key(0), normal(3, 5))
    again, _ = frozen.init(jax.random.key(0), normal(3, 5))
    assert jax.tree.structure(params) == jax.tree.structure(again)
