"""Every form of the gradients of single examples against the gradients themselves, written out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.core.example_gradients import Each, ExampleGradients, Several
from backprop_jax.layers.example_gradients import Lookup, Outer, Rows

B, V, D = 4, 5, 3


def _draw(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _tokens(seed: int, steps: int) -> Any:
    return np.random.default_rng(seed).integers(-1, V, (B, steps))  # -1 is the last row


def _outer(seed: int, steps: int) -> tuple[ExampleGradients, Any]:
    x, dy = _draw(seed, B, steps, V), _draw(seed + 1, B, steps, D)
    return Outer.of(x, dy, jnp.float32), np.stack(
        [sum(map(np.outer, *own), np.zeros((V, D))) for own in zip(x, dy, strict=True)]
    )


def _outer_of_one_step(seed: int) -> tuple[ExampleGradients, Any]:
    x, dy = _draw(seed, B, V), _draw(seed + 1, B, D)
    return Outer.of(x, dy, jnp.float32), np.stack([np.outer(*own) for own in zip(x, dy, strict=True)])


def _lookup(seed: int, steps: int) -> tuple[ExampleGradients, Any]:
    x, dy = _tokens(seed, steps), _draw(seed + 1, B, steps, D)
    table = np.zeros((B, V, D), np.float32)
    for i in range(B):
        for t in range(steps):
            table[i, x[i, t]] += dy[i, t]
    return Lookup.of(x, dy, V, jnp.float32), table


def _each(seed: int) -> tuple[ExampleGradients, Any]:
    values = _draw(seed, B, V, D)
    return Each.of(values, jnp.float32), values


def _rows(seed: int) -> tuple[ExampleGradients, Any]:
    dy = _draw(seed, B, 2, 3, D)
    return Rows.of(dy, jnp.float32), dy.sum((1, 2))


def _several(seed: int) -> tuple[ExampleGradients, Any]:
    uses = _outer(seed, 2), _lookup(seed + 2, 6), _each(seed + 4), _lookup(seed + 6, 3)
    total = uses[0][0] + uses[1][0] + (uses[2][0] + uses[3][0])
    assert isinstance(total, Several) and len(total.uses) == 4
    return total, sum(values for _, values in uses)


MAKERS = {
    "Outer, T = 0": lambda: _outer(0, 0),
    "Outer, T = 1": lambda: _outer(1, 1),
    "Outer of vectors": lambda: _outer_of_one_step(2),
    "Outer, few steps": lambda: _outer(3, 2),
    "Outer, many steps": lambda: _outer(4, 9),
    "Lookup": lambda: _lookup(5, 7),
    "Each": lambda: _each(6),
    "Rows": lambda: _rows(7),
    "Several": lambda: _several(8),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_tells_what_the_gradients_themselves_tell(make: Callable) -> None:
    gradients, values = make()
    rows = values.reshape(B, -1)
    weights, direction = _draw(9, B), _draw(10, *values.shape[1:])
    assert gradients.examples == B and gradients.stacked == 0 and gradients.layers == ()
    expected = {
        "each": (gradients.each(), values),
        "sum": (gradients.sum(), values.sum(0)),
        "weighted": (gradients.sum(weights), np.tensordot(weights, values, 1)),
        "square_norms": (gradients.square_norms(), np.sum(rows * rows, 1)),
        "along": (gradients.along(direction), rows @ direction.ravel()),
        "gram": (gradients.gram(), rows @ rows.T),
    }
    for name, (ours, theirs) in expected.items():
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("other", [lambda: _outer(20, 3), lambda: _lookup(21, 4), lambda: _each(22)])
@pytest.mark.parametrize("one", [lambda: _outer(10, 2), lambda: _lookup(11, 5), lambda: _each(12)])
def test_inner_products_and_rows_of_two_uses(one: Callable, other: Callable) -> None:
    (a, a_values), (b, b_values) = one(), other()
    np.testing.assert_allclose(a.inner(b), np.einsum("ivd,ivd->i", a_values, b_values), rtol=1e-5, atol=1e-5)
    rows = np.array([[0, 3], [4, 4], [1, 0], [2, 2]])
    np.testing.assert_allclose(
        a.at(jnp.asarray(rows)), np.take_along_axis(a_values, rows[..., None], 1), rtol=1e-5, atol=1e-5
    )


def test_rows_outside_the_table_have_no_gradient() -> None:
    x, dy = jnp.array([[0, 7, 7, -6]]), _draw(0, 1, 4, D)
    gradients = Lookup.of(x, dy, V, jnp.float32)
    np.testing.assert_allclose(gradients.square_norms(), np.sum(dy[:, 0] ** 2, 1), rtol=1e-6)
    np.testing.assert_allclose(gradients.sum(), np.vstack([dy[0, :1], np.zeros((V - 1, D))]), rtol=1e-6)


@pytest.mark.parametrize("make", [MAKERS["Outer, few steps"], MAKERS["Several"]])
def test_layers_stacked_by_a_scan(make: Callable) -> None:
    gradients, values = make()
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf if leaf.dtype.kind == "f" else leaf]), gradients)
    assert stacked.layers == (2,) and stacked.examples == B
    norms = stacked.on_each_layer(lambda own: own.square_norms())
    np.testing.assert_allclose(norms[0], np.sum(values**2, (1, 2)), rtol=1e-5)
    assert norms.shape == (2, B)


def test_the_sum_has_the_parameters_dtype() -> None:
    for make in MAKERS.values():
        gradients = make()[0].astype(jnp.bfloat16)
        assert gradients.sum().dtype == gradients.sum(jnp.ones(B)).dtype == jnp.bfloat16
        assert gradients.square_norms().dtype == gradients.each().dtype == jnp.float32
