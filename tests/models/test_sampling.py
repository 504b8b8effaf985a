import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.models.sampling import keep_top_k, keep_top_p


def kept(logits) -> list:
    return np.isfinite(np.asarray(logits)).astype(int).tolist()


def test_of_equal_logits_the_first_are_kept() -> None:
    logits = jnp.array([[1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert kept(keep_top_k(logits, 1)) == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert kept(keep_top_k(logits, 3)) == [[1, 1, 1, 0], [1, 1, 1, 0]]
    assert kept(keep_top_k(logits, 9)) == [[1] * 4] * 2
    assert kept(keep_top_p(logits, 0.3)) == [[0, 1, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_array_equal(keep_top_k(logits, 3)[0, :3], logits[0, :3])


@pytest.mark.parametrize("p", [1e-9, 0.25, 0.5, 0.500001, 0.75, 0.875, 0.99, 1.0])
def test_the_fewest_that_reach_p(p: float) -> None:
    share = np.array([0.125, 0.5, 0.125, 0.25])  # whose sums float32 has exactly
    order = [1, 3, 0, 2]
    count = next(n for n in range(1, 5) if share[order[:n]].sum() >= p)
    expected = [int(token in order[:count]) for token in range(4)]
    assert kept(keep_top_p(jnp.log(jnp.array(share)), p)) == expected


def test_a_p_of_one_keeps_what_is_hardly_possible() -> None:
    """Their sum in float32 reaches 1 before the last."""
    logits = jnp.array(np.append(np.zeros(1000), -30.0 * np.ones(5)))
    assert kept(keep_top_p(logits, 1.0)) == [1] * 1005
