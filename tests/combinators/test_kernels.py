import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.combinators.kernels import kernels_of, with_kernels
from tests.catalogue import ids, normal


def test_kernels_are_the_matrices_named_w() -> None:
    params = {
        "w": {"w": normal(2, 3), "b": normal(3)},
        "head": ({"w": normal(4)}, {"w": normal(2, 2, 5, 1)}),
        "x": None,
    }
    assert [*kernels_of(params)] == ["head/1/w", "w/w"]
    other = with_kernels(params, {"w/w": ("any", "thing")})
    assert other["w"]["w"] == ("any", "thing") and other["head"][1]["w"] is params["head"][1]["w"]


@pytest.mark.parametrize("combinator", [bp.weight_norm, bp.spectral_norm])
def test_nothing_to_normalize(combinator) -> None:
    for layer, x in ((bp.LayerNorm(), normal(2, 3)), (bp.Embedding(5, 2), ids(3, below=5))):
        with pytest.raises(ValueError, match=f"{combinator.__name__} found no kernel .*named w with two axes or more"):
            combinator(layer).init(jax.random.key(0), x)
    with pytest.raises(TypeError, match=f"{combinator.__name__} takes layers, not 3"):
        combinator(3)


@pytest.mark.parametrize("combinator", [bp.weight_norm, bp.spectral_norm])
def test_steps_of_a_scan_have_norms_of_their_own(combinator) -> None:
    with pytest.raises(ValueError, match=rf"over all steps of .*, scan\({combinator.__name__}\(layer\), depth\)"):
        combinator(bp.chain(bp.Dense(3), bp.scan(bp.Dense(3), 2)))
    normalized = bp.eval_mode(combinator(bp.Dense(3)))
    stack, x = bp.scan(normalized, 2), normal(4, 3)
    params, state = stack.init(jax.random.key(0), x)
    y, _, _ = stack.forward(params, state, x)
    for step in range(2):
        own_params, own_state = jax.tree.map(lambda leaf: leaf[step], (params, state))  # noqa: B023
        x, _, _ = normalized.forward(own_params, own_state, x)
    np.testing.assert_allclose(y, x, rtol=1e-5)
