import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.models.steps_apart import BATCH, steps_apart

KEY = jax.random.key(0)


def trace(model: bp.Layer) -> None:
    """With the state of another model: what may look on is there only in forward."""
    x = jax.ShapeDtypeStruct((BATCH, 1, 4), jnp.float32)
    params, state = jax.eval_shape(model.init, KEY, x)
    jax.eval_shape(steps_apart("write", model).forward, params, state, x)


def each_step_alone(x):
    """A loop over the steps that hands nothing on, products of heads, and a lookup at each step."""
    rows = jax.lax.map(lambda row: jnp.cumsum(row, -1), x.swapaxes(0, 1)).swapaxes(0, 1)
    heads = jnp.einsum("bthk,btgk->bthg", x.reshape(*x.shape[:2], 2, 2), rows.reshape(*x.shape[:2], 2, 2))
    return heads.reshape(x.shape) + jnp.take_along_axis(x, jnp.argsort(x, -1), -1) + jnp.max(x, -1, keepdims=True)


def mean_so_far(x):
    return jnp.cumsum(x, 1) / jnp.arange(1, 1 + x.shape[1])[:, None]


def step_before(x):
    return x + jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]


def mixed(x):
    return x + jnp.fft.fft(x, axis=1).real


def turned_round(x):
    return x[:, ::-1]


def running(x):
    return jax.lax.scan(lambda carry, row: (carry + row,) * 2, x[:, 0], x.swapaxes(0, 1))[1].swapaxes(0, 1)


def by_place(x):
    return x + jnp.arange(x.shape[1], dtype=x.dtype)[:, None]


def first_of_all(x):
    return jnp.take(x, jnp.zeros(x.shape[1], int), 1)


@pytest.mark.parametrize(
    "layer",
    [
        bp.chain(bp.Dense(4), bp.LayerNorm(), bp.skip(bp.RMSNorm()), bp.Dropout(0.5), bp.GLU(bp.SiLU()), bp.Dense(4)),
        bp.eval_mode(bp.chain(bp.BatchNorm(), bp.Softmax(), bp.Tanh(), bp.LogSoftmax())),
        bp.scan(bp.remat(bp.chain(bp.Dense(4), bp.GELU())), 2),
        bp.from_function(each_step_alone),
        bp.recurrent(bp.LSTMCell(3), carry="state"),
    ],
    ids=["of transformers", "others", "scan", "function", "remembers"],
)
def test_layers_that_keep_steps_apart(layer: bp.Layer) -> None:
    trace(layer)


@pytest.mark.parametrize(
    "layer",
    [
        bp.Conv(4, (3,)),
        bp.MaxPool((2,), (1,), "SAME"),
        bp.GroupNorm(2),
        bp.SqueezeExcite(2),
        bp.GlobalAvgPool(),
        bp.Softmax(1),
        *map(bp.from_function, (mean_so_far, step_before, mixed, turned_round, running, first_of_all, by_place)),
    ],
    ids=repr,
)
def test_layers_that_look_around(layer: bp.Layer) -> None:
    with pytest.raises(ValueError, match=r"write gives a model its text step by step, but .* at 0/1 looks at other st"):
        trace(bp.chain(bp.chain(bp.Dense(4), layer)))
