from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, random_like


def adafactor_by_the_paper(gradients: np.ndarray, decay: Any, epsilon: float) -> np.ndarray:
    """Algorithm 4 of arXiv:1804.04235 for matrices, with sums of rows and columns. The last update."""
    row, col, update = 0.0, 0.0, gradients[0]
    for t, gradient in enumerate(gradients.astype(np.float64), start=1):
        square = gradient**2 + epsilon
        row = decay(t) * row + (1 - decay(t)) * square.sum(1)
        col = decay(t) * col + (1 - decay(t)) * square.sum(0)
        update = gradient / np.sqrt(np.outer(row, col) / row.sum())
    return update


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4)])
@pytest.mark.parametrize(
    ("options", "decay"),
    [({}, lambda t: 1 - t**-0.8), ({"decay_rate_fn": lambda count, rate: rate, "decay_rate": 0.7}, lambda t: 0.7)],
    ids=["power", "own"],
)
def test_follows_the_paper(shape: tuple[int, int], options: Any, decay: Any) -> None:
    transform = optim.scale_by_factored_rms(min_dim_size_to_factor=3, epsilon=1e-3, **options)
    gradients = np.random.default_rng(0).normal(size=(6, *shape)).astype(np.float32)
    state, update = transform.init(jnp.zeros(shape)), None
    for gradient in gradients:
        update, state = transform.update(jnp.asarray(gradient), state)
    assert_close(update, adafactor_by_the_paper(gradients, decay, 1e-3), 1e-5)


def test_a_stack_of_matrices_is_factored_one_by_one() -> None:
    transform = optim.scale_by_factored_rms(min_dim_size_to_factor=1)
    stack = random_like(jax.ShapeDtypeStruct((2, 5, 3), jnp.float32), 0)
    state = transform.init(stack)
    assert state.v_row.shape == (2, 3) and state.v_col.shape == (2, 5) and state.v.shape == (1,)
    together, _ = transform.update(stack, state)
    assert_close(list(together), [transform.update(x, transform.init(x))[0] for x in stack], 1e-6)


def test_too_short_an_axis_is_not_factored() -> None:
    transform = optim.scale_by_factored_rms(min_dim_size_to_factor=4)
    gradient = random_like(jax.ShapeDtypeStruct((3, 9), jnp.float32), 0)
    update, state = transform.update(gradient, transform.init(gradient))
    assert state.v.shape == (3, 9) and state.v_row.shape == (1,)
    assert_close(update, jnp.sign(gradient), 1e-6)  # at the first step v is the squared gradient


def test_zero_and_tiny_gradients() -> None:
    transform = optim.scale_by_factored_rms(min_dim_size_to_factor=2)
    gradient = jnp.zeros((3, 4)).at[0, 0].set(1.0)
    update, _ = transform.update(gradient, transform.init(gradient))
    assert np.isfinite(update).all() and (update[1:] == 0).all()
    half = jnp.full((3, 4), 1e-4, jnp.float16)  # whose square is zero in float16
    update, _ = transform.update(half, transform.init(jnp.ones((3, 4))))
    assert update.dtype == jnp.float16
    np.testing.assert_allclose(np.asarray(update, np.float32), 1.0, rtol=1e-3)


def test_state_is_a_row_and_a_column() -> None:
    state = jax.eval_shape(optim.scale_by_factored_rms().init, jax.ShapeDtypeStruct((256, 512), jnp.float32))
    assert sum(leaf.size for leaf in jax.tree.leaves(state)) == 1 + 256 + 512 + 1


def test_without_a_gradient_the_moments_stay() -> None:
    transform = optim.adafactor(0.1, min_dim_size_to_factor=2)
    params = {"w": jnp.ones((2, 3)), "frozen": jnp.ones((2, 3))}
    state = transform.init(params)
    updates, new_state = transform.update({"w": jnp.ones((2, 3)), "frozen": None}, state, params)
    assert updates["frozen"] is None and jax.tree.structure(new_state) == jax.tree.structure(state)
    assert (new_state[0].v_row["frozen"] == 0).all() and (new_state[0].v_row["w"] == 1).all()


def test_the_decay_function_is_printed_where_it_is_given() -> None:
    schedule: Any = optim.cosine_decay_schedule(1.0, 10)
    assert "decay_rate_fn" not in repr(optim.scale_by_factored_rms())
    assert f"decay_rate_fn={schedule!r})" in repr(optim.scale_by_factored_rms(decay_rate_fn=schedule))


@pytest.mark.parametrize("wrong", [{"decay_rate": -0.1}, {"epsilon": float("nan")}])
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"scale_by_factored_rms: {name} must .*, got {value}; .* is usual"):
        optim.scale_by_factored_rms(**wrong)
