"""The loss around the parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, plots
from backprop_jax.plots.landscape import _direction
from tests.tuning.parabola import OBJECTIVE, ONES, first_weight


def test_a_parabola_is_one() -> None:
    params, state = OBJECTIVE.init(jax.random.key(0), ONES)
    found = plots.loss_landscape(OBJECTIVE, params, state, ONES, extent=0.5, points=5)
    np.testing.assert_allclose(found.places, [-0.5, -0.25, 0, 0.25, 0.5])
    # Both directions are as long as the one weight: they are w or -w.
    across, along = np.meshgrid(found.places, found.places)
    forms = [(first_weight(0) * (1 + s * across + t * along)) ** 2 for s in (1, -1) for t in (1, -1)]
    assert any(np.allclose(found.losses, form, rtol=1e-5, atol=1e-7) for form in forms)


def test_each_filter_is_as_long_as_that_of_the_parameters() -> None:
    """And what belongs to no filter stays, each layer of a scan by itself."""
    model = bp.chain(conv=bp.Conv(4, (3, 3)), blocks=bp.scan(bp.chain(norm=bp.LayerNorm(), dense=bp.Dense(4)), 3))
    params, _ = model.init(jax.random.key(0), jnp.zeros((1, 5, 5, 2)))
    params["conv"]["w"] = params["conv"]["w"].at[..., 1].set(0)
    direction = _direction(model, jax.random.key(2), params)
    moved = {"conv": (36 // 2, 4), "blocks": (3, 4, 4)}
    for name, shape in moved.items():
        of_params, of_direction = (
            np.linalg.norm(np.asarray(w).reshape(shape), axis=-2)
            for w in (
                params[name]["w"] if name == "conv" else params[name]["dense"]["w"] for params in (params, direction)
            )
        )
        np.testing.assert_allclose(of_direction, of_params, rtol=1e-5)
    assert direction["conv"]["w"].any() and not direction["conv"]["w"][..., 1].any()
    still = direction["conv"]["b"], direction["blocks"]["dense"]["b"], direction["blocks"]["norm"]
    assert not any(leaf.any() for leaf in jax.tree.leaves(still))


def test_dropout_is_off() -> None:
    objective = bp.supervised(bp.chain(bp.Dropout(0.9), bp.Dense(2)), losses.CrossEntropy())
    batch = jnp.ones((4, 3)), jnp.array([0, 1, 1, 0])
    params, state = objective.init(jax.random.key(0), batch)
    found = plots.loss_landscape(objective, params, state, batch, points=3)
    expected, _, _ = bp.eval_mode(objective).forward(params, state, batch)
    assert found.losses[1, 1] == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("change", [{"extent": 0}, {"points": 4}, {"points": 1}])
def test_a_bad_square_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="extent above 0 and an odd number"):
        plots.loss_landscape(OBJECTIVE, {}, (), ONES, **change)


def test_the_picture() -> None:
    places = np.linspace(-1, 1, 5)
    losses_ = 0.01 + np.add.outer(places**2, places**2)
    losses_[0, 0] = np.inf
    above, surface = plots.plot_landscape(plots.Landscape(places, losses_)).axes
    assert above.get_xlim() == (-1, 1) and "log10" in surface.get_zlabel()
    with pytest.raises(ValueError, match="no loss of the landscape is finite"):
        plots.plot_landscape(plots.Landscape(places, np.full((5, 5), np.nan)))
    assert "log10" not in plots.plot_landscape(plots.Landscape(places, 5 + losses_)).axes[1].get_zlabel()
