import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.models.sampling import draw_token, likeliest


def kept(logits, top_k=None, top_p=None) -> list:
    """1 for each token that may be drawn, 0 for the others."""
    left, tokens = map(np.asarray, likeliest(jnp.asarray(logits), top_k, top_p))
    np.testing.assert_array_equal(
        np.where(left > -np.inf, left, 0),
        np.where(left > -np.inf, np.take_along_axis(np.asarray(logits), tokens, -1), 0),
    )
    found = np.zeros(np.shape(logits), int)
    np.put_along_axis(found, tokens, (left > -np.inf).astype(int), -1)
    return found.tolist()


def test_of_equal_logits_the_first_are_kept() -> None:
    logits = jnp.array([[1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert kept(logits, 1) == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert kept(logits, 3) == [[1, 1, 1, 0], [1, 1, 1, 0]]
    assert kept(logits, 9) == [[1] * 4] * 2
    assert kept(logits, None, 0.3) == [[0, 1, 0, 0], [1, 1, 0, 0]]
    # Of the first two alone one half is 0.5.
    assert kept(logits, 2, 0.4) == [[0, 1, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("p", [1e-9, 0.25, 0.5, 0.500001, 0.75, 0.875, 0.99, 1.0])
def test_the_fewest_that_reach_p(p: float) -> None:
    share = np.array([0.125, 0.5, 0.125, 0.25])  # whose sums float32 has exactly
    order = [1, 3, 0, 2]
    count = next(n for n in range(1, 5) if share[order[:n]].sum() >= p)
    expected = [int(token in order[:count]) for token in range(4)]
    assert kept(jnp.log(jnp.array([share])), None, p) == [expected]


def test_a_p_of_one_keeps_what_is_hardly_possible() -> None:
    """Their sum in float32 reaches 1 before the last."""
    logits = jnp.array([np.append(np.zeros(1000), -30.0 * np.ones(5))])
    assert kept(logits, None, 1.0) == [[1] * 1005]


def test_the_vocabulary_is_sorted_once() -> None:
    draw = lambda key, logits, p, k=None: draw_token(key, logits, jnp.float32(1), k, p)
    for k in (None, 3):
        program = str(jax.make_jaxpr(draw, static_argnums=3)(jax.random.key(0), jnp.zeros((2, 9)), 0.5, k))
        assert program.count(" top_k[") + program.count(" sort[") == 1, program
