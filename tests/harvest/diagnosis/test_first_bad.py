"""The layer that is named is the one in which the number was planted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import find_first_bad
from tests.some_models import SOME_MODELS
from tests.test_catalogue import MODELS, TOKENS

BLOCK = bp.skip(bp.chain(norm=bp.LayerNorm(), dense=bp.Dense(4)))
MODEL = bp.chain(
    first=bp.Dense(4), blocks=bp.scan(bp.remat(BLOCK), 3), gru=bp.recurrent(bp.GRUCell(4)), last=bp.Dense(2)
)
OBJECTIVE = bp.supervised(MODEL, losses.MeanSquaredError())
X = np.random.default_rng(0).standard_normal((2, 3, 5)).astype(np.float32)
BATCH = X, X[..., :2]


@pytest.fixture(scope="module")
def start():
    return jax.jit(OBJECTIVE.init)(jax.random.key(0), BATCH)


@pytest.mark.parametrize(
    ("path", "leaf", "place", "steps"),
    [
        ("first", ("first", "w"), (0, 0), ()),
        ("blocks/norm", ("blocks", "norm", "scale"), (1, 2), (1,)),
        ("blocks/dense", ("blocks", "dense", "b"), (2, 0), (2,)),
        ("gru", ("gru", "u"), (0, 1), ()),
        ("last", ("last", "b"), (1,), ()),
    ],
)
def test_a_number_in_the_parameters(start, path: str, leaf: tuple, place: tuple, steps: tuple) -> None:
    params, state = start
    planted = jax.tree.map_with_path(
        lambda keys, array: array.at[place].set(jnp.nan) if tuple(key.key for key in keys) == leaf else array, params
    )
    found = find_first_bad(OBJECTIVE, planted, state, BATCH)
    assert found is not None
    assert (found.path, found.direction, found.steps) == (path, "forward", steps)
    (parameter,) = (array for array in found.arrays if array.name == f"params/{leaf[-1]}")
    assert (parameter.nan, parameter.infinite) == (1, 0)
    assert next(array for array in found.arrays if array.name == "x").nan == 0
    assert "so are its parameters" in str(found) and path in str(found)


def test_nothing(start) -> None:
    assert find_first_bad(OBJECTIVE, *start, BATCH) is None


def test_the_batch(start) -> None:
    found = find_first_bad(OBJECTIVE, *start, (X, np.full_like(BATCH[1], np.inf)))
    assert found is not None and found.path == "" and found.cause == "the batch is not finite"
    assert [array.infinite for array in found.arrays if array.name == "x/1"] == [12]


def _root(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.abs(x))


def test_a_root_of_zero_is_bad_in_backward_only() -> None:
    model = bp.chain(a=bp.Dense(3), zero=bp.ReLU(), root=bp.from_function(_root), b=bp.Dense(1))
    objective = bp.supervised(model, losses.MeanSquaredError())
    batch = np.abs(X[0]), X[0, :, :1]
    params, state = objective.init(jax.random.key(0), batch)
    params["a"]["w"] = -jnp.abs(params["a"]["w"])
    found = find_first_bad(objective, params, state, batch)
    assert found is not None and (found.path, found.direction) == ("root", "backward")
    assert found.cause == "its input's cotangent is not finite"
    assert {array.name: array.nan + array.infinite for array in found.arrays if array.name in ("dy", "dx")} == {
        "dy": 0,
        "dx": 9,
    }


def test_between_layers_the_model_itself_is_named() -> None:
    model = bp.models.LanguageModel(bp.Embedding(12, 4), bp.LayerNorm())
    objective = bp.models.LanguageModelLoss(model, losses.LinearCrossEntropy(12))
    tokens = np.arange(6)[None]
    params, state = objective.init(jax.random.key(0), (tokens, tokens))
    params["embedding"]["table"] = params["embedding"]["table"].at[3].set(jnp.nan)
    found = find_first_bad(objective, params, state, (tokens, tokens))
    assert found is not None and (found.path, found.direction) == ("embedding", "forward")
    large = bp.chain(bp.skip(bp.Dense(3)))
    objective = bp.supervised(large, losses.MeanSquaredError())
    batch = np.full((1, 3), 3e38, np.float32), np.zeros((1, 3), np.float32)
    params = ({"w": jnp.eye(3), "b": jnp.zeros(3)},)
    found = find_first_bad(objective, params, ((),), batch)
    assert found is not None and found.path == "0" and found.layer == bp.skip(bp.Dense(3))


@pytest.mark.parametrize("name", SOME_MODELS)
def test_in_every_model_the_layer_that_has_the_number_is_named(name: str) -> None:
    """In one of the first to be called, for what runs before it is compiled operation by operation."""
    model, x = MODELS[name]
    if name == "transformer":  # which reads a vocabulary of 9
        x = (TOKENS % 9, *x[1:])
    objective = model if name.endswith("Loss") else bp.chain(model=model, loss=bp.from_function(_total))
    start = jax.eval_shape(objective.init, jax.random.key(0), x)
    params, state = jax.tree.map(_zeros, start)
    paths = {jax.tree_util.keystr(keys, simple=True, separator="/"): leaf for keys, leaf in _leaves(params)}
    layers: dict[str, None] = {}
    bp.rewrite_with_path(objective, lambda path, layer: layers.setdefault(path) or layer)
    of_layers = [(layer, path) for layer in layers for path in paths if path.rpartition("/")[0] == layer]
    layer, path = min(of_layers, key=lambda pair: not pair[1].endswith("table"))
    paths[path][...] = np.nan
    found = find_first_bad(objective, params, state, x)
    assert found is not None and (found.path, found.direction) == (layer, "forward")
    assert "so are its parameters" in found.cause


def _leaves(tree):
    return jax.tree.flatten_with_path(tree)[0]


def _zeros(shape: jax.ShapeDtypeStruct):
    if jnp.issubdtype(shape.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(np.zeros((*shape.shape, 2), np.uint32))
    return np.zeros(shape.shape, shape.dtype)


def _total(y) -> jax.Array:
    leaves = [leaf for leaf in jax.tree.leaves(y) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return sum((jnp.sum(leaf.astype(jnp.float32)) for leaf in leaves), jnp.zeros(()))
