import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal

NORM, NORM_RELU = bp.eval_mode(bp.BatchNorm()), bp.eval_mode(bp.BatchNorm(relu=True))


def initialized(model: bp.Layer, x: Any) -> tuple[Any, Any]:
    """Parameters and running statistics, all random, variances of 0.5 to 2."""
    params, state = jax.jit(model.init)(jax.random.key(0), x)
    random = np.random.default_rng(1)

    def draw(path: tuple, leaf: jax.Array) -> np.ndarray:
        if path[-1] == jax.tree_util.DictKey("var"):
            return random.uniform(0.5, 2.0, leaf.shape).astype(np.float32)
        return np.asarray(leaf + 0.5 * random.standard_normal(leaf.shape), np.float32)

    return jax.tree.map_with_path(draw, params), jax.tree.map_with_path(draw, state)


def assert_same_function(model: bp.Layer, x: Any, params: Any, state: Any) -> bp.Layer:
    """The folded model, its outputs compared with the model's."""
    folded, folded_params, folded_state = bp.fold_batch_norm(model, params, state)
    assert "BatchNorm" not in repr(folded)
    y, _, _ = jax.jit(model.forward)(params, state, x)
    folded_y, _, _ = jax.jit(folded.forward)(folded_params, folded_state, x)
    jax.tree.map(lambda new, old: np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-5), folded_y, y)
    return folded


def test_by_hand() -> None:
    """6 (2 x + 1 - 3) / sqrt(4) + 5 = 6 x - 1."""
    model = bp.chain(bp.Dense(1), bp.BatchNorm(eps=0.0, train=False))
    one = lambda value: jnp.full((1,), float(value))
    params = ({"w": jnp.full((1, 1), 2.0), "b": one(1)}, {"scale": one(6), "shift": one(5)})
    folded, params, state = bp.fold_batch_norm(model, params, ((), {"mean": one(3), "var": one(4)}))
    assert folded == bp.chain(bp.Dense(1), bp.Identity()) and state == ((), ())
    assert params[0]["w"].item() == 6 and params[0]["b"].item() == -1 and params[1] == ()


def test_a_nested_image_model() -> None:
    grouped = bp.Conv(8, (3, 3), feature_group_count=4)
    strided = bp.Conv(4, (2, 2), strides=2, use_bias=False)
    model = bp.chain(
        stem=bp.chain(bp.Conv(8, (3, 3), use_bias=False), NORM_RELU),
        block=bp.skip(bp.chain(grouped, bp.chain(NORM, bp.ReLU()), bp.Conv(8, (1, 1)), bp.Identity(), NORM)),
        fork=bp.fan_out(main=bp.chain(strided, NORM), side=bp.chain(NORM_RELU, strided), join=bp.Sum()),
        head=bp.chain(bp.Flatten(), bp.Dense(5, use_bias=False), NORM, NORM_RELU, NORM),
    )
    x = normal(2, 4, 6, 3)
    params, state = initialized(model, x)
    biased = bp.Conv(4, (2, 2), strides=2)
    assert assert_same_function(model, x, params, state) == bp.chain(
        stem=bp.chain(bp.Conv(8, (3, 3)), bp.ReLU()),
        block=bp.skip(
            bp.chain(grouped, bp.chain(bp.Identity(), bp.ReLU()), bp.Conv(8, (1, 1)), bp.Identity(), bp.Identity())
        ),
        fork=bp.fan_out(
            main=bp.chain(biased, bp.Identity()),
            side=bp.chain(bp.chain(bp.Affine(), bp.ReLU()), strided),
            join=bp.Sum(),
        ),
        head=bp.chain(bp.Flatten(), bp.Dense(5), bp.Identity(), bp.ReLU(), bp.Affine()),
    )


X = normal(4, 3)
BLOCK = bp.chain(bp.Dense(3, use_bias=False), NORM_RELU)
FOLDED = bp.chain(bp.Dense(3), bp.ReLU())
UP = bp.ConvTranspose(4, (2,), strides=2, feature_group_count=2, use_bias=False)
UP_BIASED = dataclasses.replace(UP, use_bias=True)
SEPARATE = bp.weight_norm(bp.Dense(3))


@dataclass(frozen=True)
class Encoder(bp.Layer):
    """A model that is no chain: its parameters stand under the names of its fields."""

    body: bp.Layer
    head: bp.Layer

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Any, Any]:
        (body, body_state), (head, head_state) = self.body.init(key, x), self.head.init(key, x)
        return {"body": body, "head": head}, {"body": body_state, "head": head_state}

    def forward(self, params: Any, state: Any, x: jax.Array) -> tuple[Any, Any, Any]:
        y, body, _ = self.body.forward(params["body"], state["body"], x)
        y, head, _ = self.head.forward(params["head"], state["head"], y)
        return y, {"body": body, "head": head}, ()

    def backward(self, params: Any, residuals: Any, dy: jax.Array) -> tuple[Any, Any]:
        raise NotImplementedError


CASES = {
    "transposed": (bp.chain(UP, NORM), normal(2, 3, 6), bp.chain(UP_BIASED, bp.Identity())),
    "alone": (NORM, X, bp.Affine()),
    "empty": (bp.chain(), X, bp.chain()),
    "no linear layer before": (
        bp.chain(bp.Dense(3), bp.Tanh(), NORM),
        X,
        bp.chain(bp.Dense(3), bp.Tanh(), bp.Affine()),
    ),
    "input used twice": (bp.chain(bp.Dense(3), bp.skip(NORM)), X, bp.chain(bp.Dense(3), bp.skip(bp.Affine()))),
    "after a sum": (bp.chain(bp.skip(bp.Dense(3)), NORM), X, bp.chain(bp.skip(bp.Dense(3)), bp.Affine())),
    "scan": (bp.scan(bp.skip(bp.weight_norm(BLOCK)), 2), X, bp.scan(bp.skip(FOLDED), 2)),
    "weight_norm around": (bp.weight_norm(BLOCK), X, FOLDED),
    "weight_norm before": (bp.chain(SEPARATE, NORM), X, bp.chain(SEPARATE, bp.Affine())),
    "spectral_norm": (bp.spectral_norm(BLOCK), X, FOLDED),
    "parallel": (bp.parallel(BLOCK, bp.remat(BLOCK)), (X, X), bp.parallel(FOLDED, bp.remat(FOLDED))),
    "first": (bp.first(bp.cast(BLOCK, jnp.float32)), (X, X), bp.first(bp.cast(FOLDED, jnp.float32))),
    "fields": (Encoder(BLOCK, bp.Dense(3)), X, Encoder(FOLDED, bp.Dense(3))),
}


@pytest.mark.parametrize("name", CASES)
def test_wherever_it_is(name: str) -> None:
    model, x, expected = CASES[name]
    model = bp.eval_mode(model)
    params, state = initialized(model, x)
    assert assert_same_function(model, x, params, state) == expected


@dataclass(frozen=True)
class Flat(Encoder):
    """The same with its parameters in a tuple."""

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Any, Any]:
        params, state = super().init(key, x)
        return (params["body"], params["head"]), (state["body"], state["head"])


def test_errors() -> None:
    model = bp.chain(bp.Dense(3), bp.skip(bp.BatchNorm(relu=True)))
    with pytest.raises(ValueError, match=r"BatchNorm\(relu=True\) is in train mode: use eval_mode first"):
        bp.fold_batch_norm(model, *model.init(jax.random.key(0), X))
    model = Flat(BLOCK, bp.Dense(3))
    with pytest.raises(ValueError, match=r"cannot find the parameters of every batch norm in Flat\(body=Chain"):
        bp.fold_batch_norm(model, *model.init(jax.random.key(0), X))
