import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.layers.normalization.running import run
from tests.oracles import normalization as oracle
from tests.oracles.layers import jacobian

# A cotangent made as x is would be a multiple of x, along which there is no gradient: the tests turn it around.
PARAMS = {"scale": normal(3), "shift": normal(3, scale=0.5)}
STATE = {"mean": np.zeros(3, np.float32), "var": np.ones(3, np.float32)}


@pytest.mark.parametrize("relu", [False, True])
def test_value_and_gradient_are_those_of_the_slow_twin(relu: bool) -> None:
    def twin(x, scale, shift):
        y = oracle.batch_norm(x, scale, shift, 1e-3)
        return np.maximum(y, 0) if relu else y

    x, dy = normal(2, 4, 3), normal(2, 4, 3)[..., ::-1]
    y, _, dparams, dx = run(bp.BatchNorm(eps=1e-3, relu=relu), PARAMS, STATE, x, dy)
    arguments = [value.astype(np.float64) for value in (x, PARAMS["scale"], PARAMS["shift"])]
    np.testing.assert_allclose(y, twin(*arguments), rtol=1e-5, atol=1e-6)
    for place, gradient in enumerate((dx, dparams["scale"], dparams["shift"])):
        alone = lambda value, place=place: twin(*[*arguments[:place], value, *arguments[place + 1 :]])
        expected = dy.ravel().astype(np.float64) @ jacobian(alone, arguments[place])
        np.testing.assert_allclose(np.ravel(gradient), expected, rtol=1e-4, atol=1e-5)


def test_running_statistics_move_in_training_and_are_used_in_eval_mode() -> None:
    layer, x = bp.BatchNorm(momentum=0.9, eps=0.0), 3 + normal(4, 5, 3, scale=2.0)
    _, state = layer.init(jax.random.key(0), x)
    for _ in range(200):
        _, state, *_ = run(layer, PARAMS, state, x, x)
    np.testing.assert_allclose(state["mean"], x.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(state["var"], x.var((0, 1), ddof=1), rtol=1e-5)
    y, same, _ = bp.eval_mode(layer).forward(PARAMS, state, x[:1, 0])  # one value a channel is enough
    assert same is state
    expected = PARAMS["scale"] * (x[:1, 0] - x.mean((0, 1))) / x.std((0, 1), ddof=1) + PARAMS["shift"]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("momentum", "mean"), [(0.0, 2.0), (1.0, 8.0)])
def test_momentum_is_the_part_of_the_old_that_stays(momentum: float, mean: float) -> None:
    layer, x = bp.BatchNorm(momentum), jnp.array([[1.0], [3.0]])
    params, state = layer.init(jax.random.key(0), x)
    _, state, _ = layer.forward(params, {**state, "mean": jnp.full(1, 8.0)}, x)
    assert state["mean"].tolist() == [mean]


def test_relu_inside_is_relu_behind_and_saves_one_array_less() -> None:
    x, dy = normal(4, 2, 3), normal(4, 2, 3)[..., ::-1]
    apart, together = bp.chain(bp.BatchNorm(), bp.ReLU()), bp.BatchNorm(relu=True)
    y, (state, _), (dparams, _), dx = run(apart, (PARAMS, ()), (STATE, ()), x, dy)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6),
        run(together, PARAMS, STATE, x, dy),
        (y, state, dparams, dx),
    )
    statistics = 2 * 4 * 3
    assert bp.residual_bytes(together, x) == x.nbytes + statistics
    assert bp.residual_bytes(apart, x) == 2 * x.nbytes + statistics


def test_at_a_tie_the_gradient_is_that_of_jax_nn_relu() -> None:
    """A scale of zero, as the last of a residual block may start, puts all values on the corner."""
    x, dy = normal(5, 3), normal(5, 3)[..., ::-1]
    layer = bp.BatchNorm(relu=True, scale_init=bp.initializers.constant(0.0))
    params, state = layer.init(jax.random.key(0), x)
    y, _, dparams, dx = run(layer, params, state, x, dy)
    expected = jax.jit(jax.grad(lambda params: jnp.vdot(dy, layer.forward(params, state, x)[0])))(params)
    assert not y.any() and not dx.any()
    jax.tree.map(np.testing.assert_array_equal, dparams, expected)


def test_a_mean_of_a_thousand_deviations_costs_no_digits_of_the_variance() -> None:
    layer = bp.BatchNorm(momentum=0.0)
    x, dy = 1000 + normal(64, 64, 3), normal(64, 64, 3)[..., ::-1]
    y, state, dparams, dx = run(layer, PARAMS, STATE, x, dy)
    np.testing.assert_allclose(state["var"], x.astype(np.float64).var((0, 1), ddof=1), rtol=1e-6)
    expected = oracle.batch_norm(x.astype(np.float64), PARAMS["scale"], PARAMS["shift"], 1e-5)
    np.testing.assert_allclose(y, expected, atol=3e-4)
    with jax.enable_x64(True):
        exact = run(layer, *jax.tree.map(lambda leaf: leaf.astype(np.float64), (PARAMS, STATE, x, dy)))
        exact = jax.tree.map(np.asarray, exact)
    for ours, expected in ((dx, exact[3]), (dparams["scale"], exact[2]["scale"])):
        assert np.linalg.norm(ours - expected) <= 1e-4 * np.linalg.norm(expected)


def test_statistics_are_float32_for_bfloat16() -> None:
    x = jnp.asarray(1000 + normal(4, 3), jnp.bfloat16)
    params, state = bp.BatchNorm().init(jax.random.key(0), x)
    y, new_state, residuals = bp.BatchNorm().forward(params, state, x)
    assert residuals.x is x
    leaves = jax.tree.leaves((params, state, new_state, residuals[1:], y))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


def test_axis_name_makes_the_statistics_those_of_all_parts() -> None:
    x, dy = normal(4, 2, 5, 3), normal(4, 2, 5, 3)[..., ::-1]
    parts = jax.vmap(
        lambda x, dy: run(bp.BatchNorm(relu=True, axis_name="parts"), PARAMS, STATE, x, dy),
        axis_name="parts",
        out_axes=(0, None, 0, 0),
    )(x, dy)
    y, state, dparams, dx = run(bp.BatchNorm(relu=True), PARAMS, STATE, x, dy)
    summed = jax.tree.map(lambda leaf: leaf.sum(0), parts[2])
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5),
        (parts[0], parts[1], summed, parts[3]),
        (y, state, dparams, dx),
    )


SHARDED = """
import jax, numpy as np, backprop_jax as bp
from functools import partial
from jax.sharding import PartitionSpec as P
mesh = jax.make_mesh((4, 2), ("data", "more"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
split, whole = P(("data", "more")), P()
x, target = np.random.default_rng(0).standard_normal((2, 16, 2, 3)).astype(np.float32)

def objective(**axis):
    model = bp.chain(bp.BatchNorm(relu=True, **axis), bp.Dense(3, use_bias=False), bp.BatchNorm(**axis))
    return bp.supervised(model, bp.losses.MeanSquaredError(reduction="sum"))

def by_rule(objective):
    return bp.value_and_grad(objective)

def by_jax_grad(objective):
    function = bp.as_jax_function(objective)
    return jax.value_and_grad(lambda params, state, batch: function(params, state, batch), has_aux=True)

local = objective(axis_name=("data", "more"))
params, state = bp.eval_mode(local).init(jax.random.key(0), (x, target))
params = jax.tree.map(lambda leaf: leaf + 0.1, params)
for rule in (by_rule, by_jax_grad):
    (_, new_state), expected = jax.jit(rule(objective()))(params, state, (x, target))

    def in_parts(params, state, batch):
        (_, new_state), gradient = rule(local)(params, state, batch)
        return new_state, gradient

    run = jax.shard_map(in_parts, mesh=mesh, in_specs=(whole, whole, (split, split)), out_specs=whole)
    in_shard_map = jax.jit(run)(params, state, (x, target))
    placed = jax.device_put((x, target), jax.NamedSharding(mesh, split))
    compiled = jax.jit(rule(objective())).lower(params, state, placed).compile()
    (_, moved), gradient = compiled(params, state, placed)
    for outcome in (in_shard_map, (moved, gradient)):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), outcome, (new_state, expected))
    assert "all-gather" not in compiled.as_text(), "the batch is gathered on every device"
print("equal on", jax.device_count(), "devices")
"""

OPTIMIZED = """
from backprop_jax.layers.convolution import native
from backprop_jax.layers.convolution.geometry import window_on

def normal(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)

def products(layer, w, x, dy):
    y, _, residuals = layer.forward({"w": w}, (), x)
    dparams, dx = layer.backward({"w": w}, residuals, dy)
    return y, dx, dparams["w"]

def natively(layer, w, x, dy):
    groups, window = layer.feature_group_count, window_on(layer, x.shape[1:-1])
    dx = native.input_gradient(dy, w, x.shape[1:-1], window, groups)
    return native.convolve(x, w, window, groups), dx, native.weight_gradient(x, dy, window, groups)

forms = [bp.Conv(32, (3, 3), *more, use_bias=False) for more in ((), (2,), (1, "SAME", 1, 32))]
arrays = [
    (normal(3, 3, 32 // layer.feature_group_count, 32), normal(4, 6, 6, 32), normal(4, size, size, 32))
    for layer, size in zip(forms, (6, 3, 6))
]
objective = bp.supervised(bp.models.cifar_resnet(8), bp.losses.CrossEntropy())
batch = normal(4, 8, 8, 3), np.arange(4)
shapes = jax.eval_shape(objective.init, jax.random.key(0), batch)  # to compile init would take longest of all
params, state = jax.tree.map(lambda leaf: normal(*leaf.shape), shapes)

@jax.jit
def ours(arrays, params, state, batch):
    gradient = bp.value_and_grad(objective)(params, state, batch)[1]
    return [products(layer, *given) for layer, given in zip(forms, arrays)], gradient

@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def theirs(arrays, params, state, batch):
    gradient = jax.grad(lambda params: objective.forward(params, state, batch)[0])(params)
    return [natively(layer, *given) for layer, given in zip(forms, arrays)], gradient

def compare(actual, expected):
    assert np.linalg.norm(actual - expected) <= 1e-4 * np.linalg.norm(expected), (actual.shape, actual, expected)

results = (function(arrays, params, state, batch) for function in (ours, theirs))
jax.tree.map(compare, *results)
print("and as they are compiled for users")
"""


def test_gradients_and_statistics_on_eight_devices_are_those_of_one() -> None:
    """In a process of its own: the number of devices is fixed at the first use of JAX.

    XLA_FLAGS take the place of those of tests/conftest.py on purpose: XLA optimizes here as it does for users, and so
    this process also proves a residual network and each form of the convolution under that compiler.
    """
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    script = [sys.executable, "-c", SHARDED + OPTIMIZED]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout == "equal on 8 devices\nand as they are compiled for users\n", done.stderr


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (bp.BatchNorm(), normal(1, 3), r"two values of each channel or more, and an input of shape \[1, 3\] has 1"),
        (bp.BatchNorm(), normal(0, 4, 3), r"\[0, 4, 3\] has 0: use a larger batch, or eval_mode\(model\)"),
        (bp.BatchNorm(), normal(4, 2), r"initialized for inputs of width 3, but was given \[4, 2\]"),
        (bp.BatchNorm(), normal(3), r"at least 2 axes, not of shape \[3\]"),
        (bp.BatchNorm(), ids(4, 3, below=5), r"floating point input, not int32\[4, 3\]"),
        (bp.BatchNorm(axis_name="data"), normal(4, 3), r"no axis has that name: .* eval_mode\(model\)\.init"),
    ],
)
def test_bad_input(layer: bp.Layer, x, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.forward(PARAMS, STATE, x)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"eps": -1.0}, "eps of 0 or more, not -1"), ({"momentum": 1.5}, "momentum from 0 to 1, not 1.5")],
)
def test_bad_hyper_parameters(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bp.BatchNorm(**options)
