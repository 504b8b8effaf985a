import math

import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.testing import check_layer
from tests.catalogue import normal


def test_positional_layers_make_tuples_and_keyword_layers_make_dicts() -> None:
    by_position = bp.chain(bp.Dense(4), bp.ReLU(), bp.Dense(2))
    by_name = bp.chain(hidden=bp.Dense(4), activation=bp.ReLU(), readout=bp.Dense(2))
    x, key = normal(3, 5), jax.random.key(0)
    tuples, _ = by_position.init(key, x)
    dicts, _ = by_name.init(key, x)
    assert isinstance(tuples, tuple) and list(dicts) == ["hidden", "activation", "readout"]
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), tuples, tuple(dicts.values())))
    y, _, residuals = by_name.forward(dicts, {"hidden": (), "activation": (), "readout": ()}, x)
    dparams, _ = by_name.backward(dicts, residuals, y)
    assert jax.tree.structure(dparams) == jax.tree.structure(dicts)


def test_the_chain_rule_by_hand() -> None:
    """y = tanh(2 x) * 3, so dy/dx = 6 (1 - tanh(2 x)²)."""
    model = bp.chain(bp.Dense(1, use_bias=False), bp.Tanh(), bp.Dense(1, use_bias=False))
    params = ({"w": jnp.array([[2.0]])}, (), {"w": jnp.array([[3.0]])})
    _, _, residuals = model.forward(params, ((), (), ()), jnp.array([[0.25]]))
    _, dx = model.backward(params, residuals, jnp.array([[1.0]]))
    assert float(dx[0, 0]) == pytest.approx(6 * (1 - math.tanh(0.5) ** 2), rel=1e-6)


def test_equal_chains_share_one_compilation() -> None:
    traced = []

    def forward(model, params, state, x):
        traced.append(None)
        return model.forward(params, state, x)[0]

    compiled = jax.jit(forward, static_argnums=0)
    make = lambda: bp.chain(bp.Dense(4), bp.skip(bp.chain(bp.LayerNorm(), bp.GELU())))
    params, state = make().init(jax.random.key(0), normal(3, 5))
    compiled(make(), params, state, normal(3, 5))
    compiled(make(), params, state, normal(3, 5))
    assert len(traced) == 1


def test_where_no_cotangent_arrives_nothing_is_computed() -> None:
    model = bp.chain(bp.Dense(4), bp.fan_out(bp.Dense(2), bp.Dense(3)), bp.select(1))
    params, state = model.init(jax.random.key(0), normal(3, 5))
    y, _, residuals = model.forward(params, state, normal(3, 5))
    dparams, _ = model.backward(params, residuals, y)
    assert dparams[1][0] is None and dparams[1][1] is not None


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="either all by position or all by keyword"):
        bp.chain(bp.ReLU(), last=bp.ReLU())
    with pytest.raises(TypeError, match="chain takes layers, not <function"):
        bp.chain(bp.ReLU(), lambda x: x)


NORMS_AND_BYTES = [
    (bp.LayerNorm(), 4 * (24 + 4 + 4)),
    (bp.RMSNorm(), 4 * (24 + 4)),
    (bp.BatchNorm(), 4 * (24 + 6 + 6)),
]


@pytest.mark.parametrize(("norm", "saved"), NORMS_AND_BYTES, ids=lambda value: str(value))
def test_the_output_of_a_norm_is_not_saved_by_the_next_layer(norm: bp.Layer, saved: int) -> None:
    x = normal(4, 6)
    assert bp.residual_bytes(bp.chain(norm, bp.Dense(3)), x) == saved
    assert bp.residual_bytes(bp.chain(norm, bp.chain(bp.Dense(6), norm, bp.Dense(3))), x) == 2 * saved
    # A chain of one layer has no output_again, so here the dense layer saves its input too.
    apart = bp.chain(bp.chain(norm), bp.Dense(3))
    assert bp.residual_bytes(apart, x) == saved + 4 * 24


def test_nor_is_that_of_a_norm_of_the_first_component() -> None:
    model, x = bp.chain(bp.first(bp.LayerNorm()), bp.first(bp.Dense(3))), normal(4, 6)
    for given in (x, (x, normal(2)), bp.Padded(normal(2, 4, 6), normal(2, 4) > 0)):
        rows = given[0].size // 6 if isinstance(given, tuple) else 4
        assert bp.residual_bytes(model, given) == 4 * (6 * rows + 2 * rows)
    check_layer(model, given)


def test_a_norm_within_a_scan_and_a_skip_gives_the_gradient_of_the_unshared_form() -> None:
    def model(wrap) -> bp.Layer:
        return bp.scan(
            bp.skip(bp.chain(wrap(bp.LayerNorm()), bp.Dense(6), bp.Tanh(), wrap(bp.RMSNorm()), bp.Dense(6))), 2
        )

    shared, unshared = model(lambda norm: norm), model(lambda norm: bp.chain(norm))
    x, dy = jnp.asarray(normal(4, 6)), jnp.asarray(normal(4, 6)[:, ::-1])
    params, state = shared.init(jax.random.key(0), x)
    wrapped, wrapped_state = unshared.init(jax.random.key(0), x)
    wrapped = jax.tree.unflatten(jax.tree.structure(wrapped), jax.tree.leaves(params))
    assert bp.residual_bytes(shared, x) < bp.residual_bytes(unshared, x)

    def gradient(model, params, state):
        return model.backward(params, model.forward(params, state, x)[2], dy)

    ours, expected = (
        jax.tree.leaves(gradient(*call)) for call in ((shared, params, state), (unshared, wrapped, wrapped_state))
    )
    for part, like in zip(ours, expected, strict=True):
        assert jnp.allclose(part, like, rtol=1e-6, atol=1e-6)


def test_a_field_of_any_name_is_no_output_again() -> None:
    class Named(bp.Layer):
        output = bp.Dense(4)

        def forward(self, params, state, x):
            return 2 * x, state, ()

        def backward(self, params, residuals, dy):
            return (), 2 * dy

    model, x = bp.chain(Named(), bp.Dense(2)), normal(3, 4)
    params, state = model.init(jax.random.key(0), x)
    y, _, residuals = model.forward(params, state, x)
    assert model.backward(params, residuals, y)[1].shape == x.shape
