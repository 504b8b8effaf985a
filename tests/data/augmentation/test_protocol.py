from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data import augmentation
from backprop_jax.data.augmentation import (
    Augmentation,
    compose,
    cutmix,
    cutout,
    mixup,
    random_crop,
    random_flip,
    random_rotation,
    soft_labels,
)
from tests.catalogue import normal

MAKERS: list[Callable[[], Augmentation]] = [
    lambda: compose(random_crop(1), soft_labels(3), random_flip()),
    lambda: cutmix(0.7),
    lambda: cutout(2),
    lambda: mixup(0.7),
    lambda: random_crop(1),
    lambda: random_flip(),
    lambda: random_rotation(20),
    lambda: soft_labels(3, 0.1),
]
X, Y = normal(6, 5, 4, 2), np.eye(3, dtype=np.float32)[[0, 1, 2, 2, 1, 0]]


def test_every_public_augmentation_is_checked_here() -> None:
    made = {type(make()).__name__ for make in MAKERS}
    assert made == set(augmentation.__all__) - {"Augmentation"}


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: repr(make()))
def test_it_is_a_pure_function_of_its_key_compiled_once(make: Callable[[], Augmentation]) -> None:
    augment = make()
    assert make() == augment and hash(make()) == hash(augment)
    first = augment(jax.random.key(0), X, Y)
    compiled = type(augment).__call__._cache_size()  # type: ignore[attr-defined]
    again, other = make()(jax.random.key(0), X, Y), augment(jax.random.key(1), X, Y)
    assert type(augment).__call__._cache_size() == compiled  # type: ignore[attr-defined]
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert [leaf.shape for leaf in first] == [X.shape, Y.shape]
    draws = not isinstance(augment, soft_labels)
    assert any((one != two).any() for one, two in zip(first, other, strict=True)) == draws


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: repr(make()))
def test_types_stay_and_a_batch_may_be_empty(make: Callable[[], Augmentation]) -> None:
    key = jax.eval_shape(lambda: jax.random.key(0))
    for batch in (0, 1):
        x, y = jax.ShapeDtypeStruct((batch, 5, 4, 2), jnp.bfloat16), jax.ShapeDtypeStruct((batch, 3), jnp.float32)
        assert [(leaf.shape, leaf.dtype) for leaf in jax.eval_shape(make(), key, x, y)] == [
            (leaf.shape, leaf.dtype) for leaf in (x, y)
        ]


@pytest.mark.parametrize("make", MAKERS[1:-1], ids=lambda make: repr(make()))
def test_what_is_no_batch_of_images_is_refused(make: Callable[[], Augmentation]) -> None:
    for x in (X[..., 0], (255 * X).astype(np.uint8)):
        with pytest.raises(
            ValueError, match=r"needs floating point images of shape \(batch, height, width, channels\)"
        ):
            make()(jax.random.key(0), x, Y)


def shift(key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x + jax.random.normal(key, x.shape), y


def test_a_chain_is_its_members_in_order_each_with_a_key_of_its_own() -> None:
    key = jax.random.key(5)
    both = compose(shift, cutout(2), shift)(key, X, Y)
    x, y = X, Y
    for number, member in enumerate((shift, cutout(2), shift)):
        x, y = member(jax.random.fold_in(key, number), x, y)
    jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, atol=1e-6), both, (x, y))
    assert (
        repr(compose(cutout(2), random_flip(0.25)))
        == "compose(cutout(size=2, fill=0.0), random_flip(rate=0.25, axis=2))"
    )
    with pytest.raises(TypeError, match=r"compose takes augmentations, \(key, x, y\) -> \(x, y\), not 3"):
        compose(cutout(2), 3)  # type: ignore[arg-type]
