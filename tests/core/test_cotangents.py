import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.core.cotangents import add, cast_like, instantiate, match_vma, pull, with_float0, without_float0


def test_add_takes_none_for_zero_at_any_depth() -> None:
    left = {"a": jnp.ones(2), "b": None, "c": (jnp.ones(1), None)}
    right = {"a": None, "b": (jnp.ones(1), jnp.ones(1)), "c": (jnp.ones(1), jnp.ones(3))}
    total = jax.tree.map(lambda leaf: leaf.tolist(), add(left, right))
    assert total == {"a": [1, 1], "b": ([1], [1]), "c": ([2], [1, 1, 1])}
    assert add(None, None) is None and add((), ()) == ()


def test_add_refuses_cotangents_of_different_primals() -> None:
    with pytest.raises(ValueError):
        add((jnp.ones(1),), (jnp.ones(1), jnp.ones(1)))


def test_instantiate_fills_whole_subtrees_and_leaves_integers_alone() -> None:
    primal = {"w": jnp.ones((2, 2), jnp.bfloat16), "ids": jnp.arange(3), "deep": (jnp.ones(1), jnp.ones(2))}
    full = instantiate({"w": None, "ids": None, "deep": None}, primal)
    assert full["w"].dtype == jnp.bfloat16 and not full["w"].any()
    assert full["ids"] is None
    assert [leaf.shape for leaf in full["deep"]] == [(1,), (2,)]


def test_the_form_of_jax_vjp_and_back() -> None:
    primal = (jnp.ones(2), jnp.arange(3))
    theirs = with_float0((None, None), primal)
    assert theirs[1].dtype == jax.dtypes.float0
    assert without_float0(theirs)[1] is None


def test_cast_like_follows_the_primal() -> None:
    dx = cast_like((jnp.ones(2), None), (jnp.ones(2, jnp.bfloat16), jnp.arange(2)))
    assert dx[0].dtype == jnp.bfloat16 and dx[1] is None


def test_pull_skips_a_layer_that_no_cotangent_reaches() -> None:
    assert pull(bp.Dense(3), {}, jnp.ones(2), (None, None)) == (None, None)


SHARDED = """
import jax, numpy as np, jax.numpy as jnp, backprop_jax as bp
from jax.sharding import PartitionSpec as P
mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
model = bp.chain(bp.Dense(4), bp.GELU(), bp.LayerNorm(), bp.Dense(3))
objective = bp.supervised(model, bp.losses.MeanSquaredError(reduction="sum"))
x, target = np.random.default_rng(0).standard_normal((2, 16, 5)).astype(np.float32), np.ones((16, 3), np.float32)
x = x[0]
params, state = jax.jit(objective.init)(jax.random.key(0), (x, target))
(_, _), expected = jax.jit(bp.value_and_grad(objective))(params, state, (x, target))
function = bp.as_jax_function(objective)

def by_rule(params, x, target):
    return bp.value_and_grad(objective)(params, state, (x, target))[1]

def by_jax_grad(params, x, target):
    return jax.grad(lambda params: function(params, state, (x, target))[0])(params)

def jnp_sin(params):
    return jax.tree.map(jnp.sin, params)

def assert_close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)

for gradient in (by_rule, by_jax_grad):
    sharded = jax.jit(jax.shard_map(gradient, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P()))
    jax.tree.map(assert_close, sharded(params, x, target), expected)
    placed = jax.device_put((x, target), jax.NamedSharding(mesh, P("data")))
    jax.tree.map(assert_close, jax.jit(gradient)(params, *placed), expected)
# Weights that are functions of weights, and memory that all steps of a scan read.
read = bp.fan_out(bp.chain(bp.parallel(bp.Dense(5), bp.Dense(5)), bp.Sum()), bp.select(1))
copy = bp.fan_out(bp.Identity(), bp.Identity())
model = bp.chain(copy, bp.scan(read, 2), bp.select(0), bp.Dense(5), bp.Tanh(), bp.Dense(5))
model = bp.reparameterize(bp.tie(model, "5/w", "3/w", jnp.transpose), jnp_sin)
function = bp.as_jax_function(model)
params, state = jax.jit(model.init)(jax.random.key(0), x)

def of_parts(params, x):
    return jax.grad(lambda params: (function(params, state, x)[0] ** 2).sum())(params)

sharded = jax.jit(jax.shard_map(of_parts, mesh=mesh, in_specs=(P(), P("data")), out_specs=P()))
jax.tree.map(assert_close, sharded(params, x), jax.jit(of_parts)(params, x))
# Loops over parts of the batch, whose sums vary over devices as the images do and the weights do not.
model = bp.chain(
    bp.Conv(4, (3, 3)), bp.ReLU(), bp.Conv(4, (3, 3), strides=2, feature_group_count=2),
    bp.ConvTranspose(4, (2, 2), strides=2), bp.Conv(4, (3, 3), padding="CIRCULAR", feature_group_count=4),
)
images = np.random.default_rng(0).standard_normal((16, 4, 4, 2)).astype(np.float32)
objective = bp.supervised(model, bp.losses.MeanSquaredError(reduction="sum"))
batch = images, np.ones((16, 4, 4, 4), np.float32)
params, state = jax.jit(objective.init)(jax.random.key(0), batch)
function = bp.as_jax_function(objective)
by_rule = lambda params, *batch: bp.value_and_grad(objective)(params, state, batch)[1]
by_jax_grad = jax.grad(lambda params, *batch: function(params, state, batch)[0])
expected = jax.jit(jax.grad(lambda params: objective.forward(params, state, batch)[0]))(params)
for gradient in (by_rule, by_jax_grad):
    sharded = jax.jit(jax.shard_map(gradient, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P()))
    jax.tree.map(assert_close, sharded(params, *batch), expected)
# Loops over steps, which begin with zeros that every device has alike.
from tests.catalogue.recurrent import StepByStep

lstm, gru, rnn = bp.LSTMCell(3), bp.GRUCell(3), StepByStep(bp.RNNCell(3))
model = bp.chain(bp.recurrent(lstm), bp.remat_steps(bp.recurrent(gru), 2), bp.recurrent(rnn))
words = np.random.default_rng(0).standard_normal((16, 3, 2)).astype(np.float32)
function = bp.as_jax_function(model)
params, state = jax.jit(model.init)(jax.random.key(0), words)
sharded = jax.jit(jax.shard_map(of_parts, mesh=mesh, in_specs=(P(), P("data")), out_specs=P()))
jax.tree.map(assert_close, sharded(params, words), jax.jit(of_parts)(params, words))
# A start that is learned, and so the same on every device.
layer = bp.recurrent(bp.GRUCell(3), carry="input")
function, start = bp.as_jax_function(layer), np.ones(3, np.float32)
params, state = jax.jit(layer.init)(jax.random.key(0), (words, np.zeros((16, 3), np.float32)))

def of_start(start, x):
    def loss(start):
        return (function(params, state, (x, jnp.broadcast_to(start, (len(x), 3))))[0][0] ** 2).sum()
    return jax.grad(loss)(start)

sharded = jax.jit(jax.shard_map(of_start, mesh=mesh, in_specs=(P(), P("data")), out_specs=P()))
assert_close(sharded(start, words), jax.jit(of_start)(start, words))
# Loops over tiles of attention and chunks of tokens; a mean divides by the tokens that count on all devices.
from dataclasses import replace

def tiled(layer):
    return replace(layer, tile=(2, 2)) if isinstance(layer, bp.DotProductAttention) else layer

model = bp.rewrite(bp.models.gpt(64, 5, 8, 2, 2), tiled)
loss = bp.losses.LinearCrossEntropy(64, ignore_index=-1, chunk_size=3)
whole = bp.models.LanguageModelLoss(model, loss)
parts = replace(whole, loss=replace(loss, reduction="sum"))
tokens, targets = np.random.default_rng(0).integers(-1, 64, (2, 16, 5), np.int32)
batch = np.abs(tokens), targets
params, state = jax.jit(whole.init)(jax.random.key(0), batch)

def step(params, *batch):
    count = jax.lax.psum((batch[1] != -1).sum(), "data")
    return jax.tree.map(lambda leaf: leaf / count, bp.value_and_grad(parts)(params, state, batch)[1])

sharded = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P()))
expected = jax.jit(lambda params: bp.value_and_grad(whole)(params, state, batch)[1])(params)
jax.tree.map(assert_close, sharded(params, *batch), expected)
print("equal on", jax.device_count(), "devices")
"""


def test_gradients_on_eight_devices_are_those_of_one() -> None:
    """In a process of its own: the number of devices is fixed at the first use of JAX."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8",
    }
    run = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True, timeout=300)
    assert run.stdout == "equal on 8 devices\n", run.stderr


def test_outside_shard_map_nothing_is_summed() -> None:
    w = jnp.ones(3)
    assert match_vma((w, None), (w, w))[0] is w
    np.testing.assert_array_equal(jax.vmap(lambda d: match_vma(d, w))(jnp.ones((2, 3))), np.ones((2, 3)))
