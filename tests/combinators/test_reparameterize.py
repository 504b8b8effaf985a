from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal


@dataclass(frozen=True)
class Masked:
    """Weights under a fixed mask, as after pruning: every second row is gone."""

    def __call__(self, params: Any) -> Any:
        return {**params, "w": params["w"].at[::2].set(0.0)}


def split_norm(key: jax.Array, params: Any) -> Any:
    length = jnp.linalg.norm(params["w"], axis=0)
    return {"direction": params["w"] / length, "length": length, "b": params["b"]}


def weight_norm(free: Any) -> Any:
    direction = free["direction"] / jnp.linalg.norm(free["direction"], axis=0)
    return {"w": free["length"] * direction, "b": free["b"]}


def test_the_gradient_of_a_masked_weight_is_masked() -> None:
    layer = bp.reparameterize(bp.Dense(3), Masked())
    params, state = layer.init(jax.random.key(0), normal(4, 6))
    y, _, residuals = layer.forward(params, state, normal(4, 6))
    dparams, _ = layer.backward(params, residuals, y)
    assert not dparams["w"][::2].any() and dparams["w"][1::2].all()


def test_weight_norm_starts_as_the_layer_and_keeps_the_laws() -> None:
    layer = bp.reparameterize(bp.Dense(3), weight_norm, init=split_norm)
    bp.testing.check_layer(layer, normal(4, 6))
    params, _ = layer.init(jax.random.key(0), normal(4, 6))
    plain, _ = bp.Dense(3).init(jax.random.split(jax.random.key(0))[0], normal(4, 6))
    np.testing.assert_allclose(weight_norm(params)["w"], plain["w"], rtol=1e-6)


def test_tied_weights_are_one_parameter_with_the_sum_of_both_cotangents() -> None:
    inner = bp.chain(embed=bp.Embedding(6, 4), readout=bp.Dense(6, use_bias=False))
    layer = bp.tie(inner, "readout/w", "embed/table", jnp.transpose)
    x = ids(3, 5, below=6)
    params, state = layer.init(jax.random.key(0), x)
    assert params["readout"]["w"] is None
    y, _, residuals = layer.forward(params, state, x)
    dparams, _ = layer.backward(params, residuals, y)
    table = params["embed"]["table"]
    untied = {"embed": {"table": table}, "readout": {"w": table.T}}
    each, _ = inner.backward(untied, inner.forward(untied, state, x)[2], y)
    np.testing.assert_allclose(dparams["embed"]["table"], each["embed"]["table"] + each["readout"]["w"].T, rtol=1e-5)


@pytest.mark.parametrize(
    ("target", "source", "message"),
    [
        ("1/w", "0/table", r"1/w has the shape \(4, 6\), but 0/table gives \(6, 4\)"),
        ("2/w", "0/table", "no parameter at '2/w': '2' is none of 0, 1"),
        ("1/w", "0/w", "'w' is none of table"),
    ],
)
def test_bad_paths(target: str, source: str, message: str) -> None:
    layer = bp.tie(bp.chain(bp.Embedding(6, 4), bp.Dense(6)), target, source)
    with pytest.raises(ValueError, match=message):
        layer.init(jax.random.key(0), ids(3, below=6))
