from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours, params_and_gradients, random_like, train

SHAPES = {
    "w": jax.ShapeDtypeStruct((3, 4), jnp.float32),
    "large": jax.ShapeDtypeStruct((10, 10), jnp.float32),
    "rest": [jax.ShapeDtypeStruct((), jnp.float32), jax.ShapeDtypeStruct((5,), jnp.bfloat16), None],
}
CLIPPED = "chain(clip_by_global_norm(1.0), adamw(cosine_decay_schedule(0.1, 15)))"


def squares(tree: object) -> jax.Array:
    return sum(
        (jnp.sum(jnp.square(leaf.astype(jnp.float32)) * (k + 1)) for k, leaf in enumerate(jax.tree.leaves(tree)))
    )


@pytest.mark.parametrize("below", [None, 50, 0])
def test_tree_gives_back_what_was_packed(below: int | None) -> None:
    tree = random_like(SHAPES, 0)
    packed = optim.flat(optim.sgd(0.1), below).pack(tree)
    assert jax.tree.structure(packed.tree()) == jax.tree.structure(tree)
    jax.tree.map(np.testing.assert_array_equal, packed.tree(), tree)
    vectors = {None: {"bfloat16": 5, "float32": 113}, 50: {"bfloat16": 5, "float32": 13}, 0: {}}[below]
    assert {dtype: vector.size for dtype, vector in packed.vectors.items()} == vectors


def test_the_gradient_of_the_tree_is_the_packed_gradient() -> None:
    tree, optimizer = random_like(SHAPES, 0), optim.flat(optim.sgd(0.1), below=50)
    gradient = jax.grad(lambda packed: squares(packed.tree()))(optimizer.pack(tree))
    expected = optimizer.pack(jax.grad(squares)(tree))
    assert jax.tree.structure(gradient) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, gradient, expected)


@pytest.mark.parametrize("text", [CLIPPED, "sgd(0.1, 0.9, nesterov=True)", "master_weights(adam(0.1))"])
@pytest.mark.parametrize("below", [None, 50])
def test_training_is_that_of_the_tree(text: str, below: int | None) -> None:
    params, gradients = params_and_gradients(SHAPES)
    optimizer = optim.flat(ours(text), below)
    mine, _, _ = train(optimizer, optimizer.pack(params), jax.vmap(optimizer.pack)(gradients))
    expected, _, _ = train(optimizer.optimizer, params, gradients)
    assert_close(mine.tree(), expected, 1e-6)


def test_one_operation_for_all_leaves() -> None:
    tree = {str(number): jnp.ones(4) for number in range(50)}
    optimizer = optim.flat(optim.adam(0.1))
    packed = optimizer.pack(tree)
    state = optimizer.init(packed)
    assert all(leaf.shape in ((), (200,)) for leaf in jax.tree.leaves((packed, state)))


@pytest.mark.parametrize("text", ["adamw(0.1, mask={'w': True})", "masked(adam(0.1), {'w': True})"])
def test_what_tells_leaves_apart_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not known to treat every number alike"):
        optim.flat(ours(text))


def test_trees_must_be_packed() -> None:
    optimizer = optim.flat(optim.sgd(0.1))
    with pytest.raises(TypeError, match=r"flat.init was given a dict, not a Packed; .*optimizer.pack\(params\)"):
        optimizer.init({"w": jnp.ones(1)})
    with pytest.raises(TypeError, match=r"flat.update was given a dict"):
        optimizer.update({"w": jnp.ones(1)}, (), {"w": jnp.ones(1)})  # type: ignore[arg-type]


def test_below_is_checked() -> None:
    with pytest.raises(ValueError, match="below must not be negative"):
        optim.flat(optim.sgd(0.1), below=-1)


def test_optax_finds_the_parameters_in_the_state() -> None:
    optimizer = optim.flat(optim.adam(0.1))
    state = optimizer.init(optimizer.pack({"w": jnp.ones(2), "b": jnp.ones(3)}))
    moments, *_ = optax.tree_utils.tree_map_params(optimizer, lambda leaf: leaf + 1, state)
    np.testing.assert_array_equal(moments.nu.vectors["float32"], jnp.ones(5))
    assert moments.count == 0
