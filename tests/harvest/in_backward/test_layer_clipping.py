"""Layer by layer clipping against its definition in NumPy."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import clip_layers
from tests.harvest.in_backward.small import MODEL, gradient_of


def _norm(tree) -> float:
    return float(np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(tree))))


def test_selected_layers_are_clipped_each_by_itself(begun, gradient) -> None:
    limit = _norm(gradient["body"][0]) / 2
    clipped = gradient_of(clip_layers(MODEL, "body/*", limit), *begun)
    for number in (0, 2):
        before = gradient["body"][number]
        factor = min(1, limit / _norm(before))
        jax.tree.map(
            lambda a, b, f=factor: np.testing.assert_allclose(a, f * b, rtol=1e-5), clipped["body"][number], before
        )
    jax.tree.map(np.testing.assert_array_equal, clipped["head"], gradient["head"])


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_limit_that_leaves_nothing_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match=f"max_norm above 0, not {limit}"):
        clip_layers(MODEL, bp.Dense, limit)
