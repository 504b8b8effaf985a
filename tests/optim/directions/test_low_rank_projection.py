from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from backprop_jax.optim import GaLoreDimensionNumbers
from tests.optim.oracle import random_like, rejects_update


def draw(*shape: int, dtype: Any = jnp.float32, seed: int = 0) -> jax.Array:
    return random_like(jax.ShapeDtypeStruct(shape, dtype), seed)


def best_of_rank(x: jax.Array, rank: int) -> np.ndarray:
    u, s, vh = np.linalg.svd(np.asarray(x, np.complex128), full_matrices=False)
    return u[:, :rank] * s[:rank] @ vh[:rank]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_where_nothing_is_done_the_best_approximation_comes_back(shape: tuple[int, int], dtype: Any) -> None:
    gradient = draw(*shape, dtype=dtype)
    transform = optim.scale_by_galore(2, scale=0.5, base_optimizer=optim.identity())
    update, state = transform.update(gradient, transform.init(gradient))
    np.testing.assert_allclose(update, 0.5 * best_of_rank(gradient, 2), atol=1e-5)
    projector = np.asarray(state.projector)
    np.testing.assert_allclose(projector.conj().T @ projector, np.eye(2), atol=1e-6)


def test_between_renewals_the_directions_are_old() -> None:
    transform = optim.scale_by_galore(2, 3, base_optimizer=optim.identity())
    gradients = [draw(6, 4, seed=seed) for seed in range(4)]
    state = transform.init(gradients[0])
    updates, projectors = [], []
    for gradient in gradients:
        update, state = transform.update(gradient, state)
        updates.append(update)
        projectors.append(np.asarray(state.projector))
    assert (projectors[0] == projectors[2]).all() and not np.allclose(projectors[2], projectors[3])
    np.testing.assert_allclose(updates[2], projectors[0] @ projectors[0].T @ gradients[2], atol=1e-5)
    np.testing.assert_allclose(updates[3], best_of_rank(gradients[3], 2), atol=1e-5)


def test_the_base_sees_small_matrices_and_other_leaves_whole() -> None:
    params = {"w": jnp.ones((8, 3)), "conv": jnp.ones((2, 3, 4)), "b": jnp.ones(5)}
    state = jax.eval_shape(optim.scale_by_galore(2).init, params)
    assert jax.tree.map(lambda leaf: leaf.shape, state.base_optimizer_state.mu) == {
        "w": (2, 3),
        "conv": (2, 3, 4),
        "b": (5,),
    }
    named = optim.scale_by_galore(2, weight_dimension_numbers=GaLoreDimensionNumbers(2, (0, 1)))
    state = jax.eval_shape(named.init, {"conv": params["conv"], "b": params["b"]})
    assert state.base_optimizer_state.mu["conv"].shape == (4, 2) and state.projector["conv"].shape == (6, 2)


def test_without_a_gradient_its_projector_stays() -> None:
    params = {"w": draw(3, 4), "frozen": draw(3, 4)}
    transform = optim.galore(0.1, rank=2)
    state = transform.init(params)
    updates, new_state = transform.update({"w": params["w"], "frozen": None}, state, params)
    assert updates["frozen"] is None and jax.tree.structure(new_state) == jax.tree.structure(state)
    assert (new_state[0].projector["frozen"] == 0).all() and (new_state[0].projector["w"] != 0).any()


def test_bfloat16_is_projected_in_float32() -> None:
    gradient = draw(6, 4).astype(jnp.bfloat16)
    transform = optim.scale_by_galore(4, base_optimizer=optim.identity())
    state = transform.init(gradient)
    update, new_state = transform.update(gradient, state)
    assert update.dtype == new_state.projector.dtype == jnp.bfloat16
    # All directions are kept: nothing is lost but by rounding the projector, the projection and the update.
    np.testing.assert_allclose(np.asarray(update, np.float32), np.asarray(gradient, np.float32), atol=0.05)


def test_a_base_that_needs_parameters_says_so() -> None:
    transform = optim.scale_by_galore(2, base_optimizer=optim.add_decayed_weights(0.1))
    gradient = draw(3, 4)
    assert "add_decayed_weights: update needs the parameters" in rejects_update(
        transform, gradient, transform.init(gradient), gradient
    )


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [({"rank": 2.0}, TypeError), ({"rank": 0}, ValueError), ({"update_proj_gap": 0}, ValueError)],
)
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any], kind: type[Exception]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(kind, match=f"scale_by_galore: {name} must .*, got {value}; "):
        optim.scale_by_galore(**wrong)


def test_a_base_that_is_no_transform_is_refused() -> None:
    with pytest.raises(TypeError, match=r"scale_by_galore: base_optimizer is .*, which is no transform"):
        optim.scale_by_galore(base_optimizer=optim.scale_by_adam)


def test_axes_left_out_are_named() -> None:
    transform = optim.scale_by_galore(weight_dimension_numbers=GaLoreDimensionNumbers(0, 2))
    with pytest.raises(ValueError, match=r"at \['w'\] has shape \(2, 3, 4\), and GaLore.* leaves out axes \(1,\)"):
        transform.init({"w": jnp.ones((2, 3, 4))})
