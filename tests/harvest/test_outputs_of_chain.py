"""A chain, output by output."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.local import (
    PredictiveCoding,
    forward_forward,
    synthetic_gradients,
    target_propagation,
)
from backprop_jax.harvest.outputs_of_chain import children_of, forward_each, outputs_like
from backprop_jax.harvest.rules import direct_feedback

CHAIN = bp.chain(double=bp.from_function(lambda x: 2 * x), noise=bp.Dropout(0.5), sum=bp.from_function(jnp.sum))
X = jnp.arange(1.0, 7.0).reshape(2, 3)


def test_every_output_the_states_and_what_is_saved_are_those_of_the_chain() -> None:
    params, state = CHAIN.init(jax.random.key(0), X)
    children = children_of("test", CHAIN)
    outputs, after, saved = forward_each(children, params, state, X)
    y, chain_after, _ = CHAIN.forward(params, state, X)
    assert len(outputs) == 3 and y == outputs[-1] == jnp.sum(outputs[1])
    np.testing.assert_array_equal(outputs[0], 2 * X)
    assert set(np.unique(outputs[1] / outputs[0])) <= {0.0, 2.0}
    assert after["noise"] == chain_after["noise"] != state["noise"]
    np.testing.assert_array_equal(children.layers[1].backward((), saved["noise"], outputs[0])[1], outputs[1])
    assert [like.shape for like in outputs_like("test", children, params, state, X)] == [(2, 3), (2, 3), ()]


@pytest.mark.parametrize("rule", [direct_feedback, synthetic_gradients, target_propagation])
def test_what_is_no_chain_is_refused_by_name(rule) -> None:
    for wrong in (bp.Dense(3), bp.chain(bp.Dense(3))):
        with pytest.raises(ValueError, match=f"{rule.__name__} takes a chain of two layers or more, not"):
            rule(wrong)


def test_layers_that_give_more_than_one_array_are_refused_by_name() -> None:
    chain = bp.chain(bp.recurrent(bp.GRUCell(3)), bp.recurrent(bp.GRUCell(3)), bp.MeanSteps())
    x = bp.Padded(jnp.ones((2, 4, 3)), jnp.array([4, 2]))
    foretell = bp.Dense(3), bp.Dense(3)
    for model in (
        direct_feedback(chain),
        synthetic_gradients(chain, *foretell),
        target_propagation(chain, bp.Dense(3)),
    ):
        with pytest.raises(ValueError, match=r"takes layers that give one array each, and Recurrent.* gives Padded"):
            jax.eval_shape(model.init, jax.random.key(0), x)
    objective = bp.supervised(chain, bp.losses.MeanSquaredError())
    params, state = jax.eval_shape(objective.init, jax.random.key(0), (x, X))
    with pytest.raises(ValueError, match="PredictiveCoding takes layers that give one array each"):
        jax.eval_shape(PredictiveCoding()(objective), params, state, (x, X))
    with pytest.raises(ValueError, match=r"ForwardForward.* takes one array, but was given Padded"):
        jax.eval_shape(forward_forward(chain, 3).init, jax.random.key(0), x)
