import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.layers.normalization.running import run
from tests.oracles import normalization as oracle
from tests.oracles.layers import jacobian

SCALE, SHIFT = normal(6), normal(6, scale=0.5)


@pytest.mark.parametrize(
    ("layer", "groups"), [(bp.GroupNorm(2, 1e-3), 2), (bp.GroupNorm(1, 1e-3), 1), (bp.InstanceNorm(1e-3), 6)], ids=str
)
def test_value_and_gradient_are_those_of_the_slow_twin(layer: bp.Layer, groups: int) -> None:
    def twin(x, scale, shift):
        return oracle.group_norm(x, scale, shift, groups, 1e-3)

    x, dy = normal(2, 3, 1, 6), normal(2, 3, 1, 6)[..., ::-1]
    params = {"scale": SCALE, "shift": SHIFT}
    y, _, dparams, dx = run(layer, params, (), x, dy)
    arguments = [value.astype(np.float64) for value in (x, SCALE, SHIFT)]
    np.testing.assert_allclose(y, twin(*arguments), rtol=1e-5, atol=1e-6)
    for place, gradient in enumerate((dx, dparams["scale"], dparams["shift"])):
        alone = lambda value, place=place: twin(*[*arguments[:place], value, *arguments[place + 1 :]])
        expected = dy.ravel().astype(np.float64) @ jacobian(alone, arguments[place])
        np.testing.assert_allclose(np.ravel(gradient), expected, rtol=1e-4, atol=1e-5)


def test_one_group_of_a_vector_is_layer_norm() -> None:
    x, params = jnp.asarray(normal(4, 6)), {"scale": SCALE, "shift": SHIFT}
    ours, theirs = (layer.forward(params, (), x)[0] for layer in (bp.GroupNorm(1, 1e-3), bp.LayerNorm(1e-3)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [bp.GroupNorm(2), bp.InstanceNorm()], ids=repr)
def test_statistics_are_float32_for_bfloat16_and_one_a_group(layer: bp.Layer) -> None:
    x = jnp.asarray(1000 + normal(3, 5, 6), jnp.bfloat16)
    params, state = layer.init(jax.random.key(0), x)
    residuals = layer.forward(params, state, x)[2]
    assert residuals.x is x
    assert {leaf.dtype for leaf in residuals[1:]} == {jnp.dtype("float32")}
    assert {leaf.shape for leaf in residuals[1:]} == {(3, 2 if isinstance(layer, bp.GroupNorm) else 6)}


@pytest.mark.parametrize("layer", [bp.GroupNorm(2), bp.InstanceNorm()], ids=repr)
def test_the_next_layer_of_a_chain_does_not_save_the_output(layer: bp.GroupNorm | bp.InstanceNorm) -> None:
    x = normal(2, 3, 6)
    alone = bp.residual_bytes(layer, x)
    assert bp.residual_bytes(bp.chain(layer, bp.Dense(4)), x) == alone
    # A chain cannot tell its output again, so here the dense layer saves its input too.
    assert bp.residual_bytes(bp.chain(bp.chain(layer), bp.Dense(4)), x) == alone + x.nbytes
    params = {"scale": SCALE, "shift": SHIFT}
    y, _, residuals = layer.forward(params, (), jnp.asarray(x))
    np.testing.assert_array_equal(layer.output_again(params, residuals), y)


def test_a_norm_after_a_norm_in_a_chain() -> None:
    x, norms = jnp.asarray(normal(2, 3, 6)), (bp.InstanceNorm(1e-3), bp.GroupNorm(2))
    shared, unshared = bp.chain(*norms, bp.Dense(2)), bp.chain(*map(bp.chain, norms), bp.Dense(2))
    gradients = []
    for model in (shared, unshared):
        params, state = model.init(jax.random.key(0), x)
        y, _, residuals = model.forward(params, state, x)
        gradients.append(jax.tree.leaves(model.backward(params, residuals, y)))
    for ours, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (bp.GroupNorm(4), normal(2, 3, 6), r"cannot divide the 6 channels of \[2, 3, 6\] into 4 groups"),
        (bp.GroupNorm(6), normal(2, 6), r"constant of an input of shape \[2, 6\]: a group needs two values"),
        (bp.InstanceNorm(), normal(2, 1, 1, 6), r"two values of an example or more, not 1; use fewer groups or larger"),
        (bp.GroupNorm(1), normal(6), r"at least 2 axes, not of shape \[6\]"),
        (bp.InstanceNorm(), normal(6), r"at least 2 axes, not of shape \[6\]"),
        (bp.GroupNorm(1), normal(2, 4), r"initialized for inputs of width 6, but was given \[2, 4\]"),
    ],
)
def test_bad_input(layer: bp.Layer, x, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.forward({"scale": SCALE, "shift": SHIFT}, (), x)


def test_bad_hyper_parameters() -> None:
    for groups in (0, True):
        with pytest.raises(ValueError, match=f"groups, 1 or more, not {groups}"):
            bp.GroupNorm(groups)
    for layer in (bp.GroupNorm, bp.InstanceNorm, bp.BatchNorm):
        for eps in (-1.0, float("nan")):
            with pytest.raises(ValueError, match=f"{layer.__name__} needs an eps of 0 or more, not {eps}"):
                layer(eps=eps)
