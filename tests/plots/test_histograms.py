"""How numbers are spread."""

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import plots


def test_every_array_has_one() -> None:
    random = np.random.default_rng(0).normal(size=400)
    arrays = {
        "a": jnp.asarray(random),
        "b": [jnp.r_[random, jnp.nan], jnp.where(random > 0, random, 0)],
        "n": jnp.arange(3),
    }
    axes = [axes for axes in plots.plot_histograms(arrays).axes if axes.axison]
    assert [each.get_title(loc="left") for each in axes] == ["a", "b/0", "b/1"]
    notes = [each.get_title(loc="right") for each in axes]
    assert "not finite" not in notes[0] and f"rms {np.sqrt(np.mean(random**2)):.2g}" in notes[0]
    assert "1 not finite" in notes[1] and f"{np.mean(random <= 0):.0%} are 0" in notes[2]
    counted = [sum(patch.get_height() for patch in each.patches) for each in axes]
    assert counted == [400, 400, np.sum(random > 0)]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no array of floating point"):
        plots.plot_histograms({"n": jnp.arange(3), "e": jnp.zeros((0, 2))})
    assert plots.plot_histograms({"a": 1.0}).axes
