from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import beam_search, char_lm, generate, gpt

KEY = jax.random.key(0)
PROMPT = np.array([[2, 1], [0, 2], [1, 1]])
MODELS = {"gpt": gpt(3, 5, 4, layers=1, num_heads=2, rate=0.5), "char_lm": char_lm(3, 3, 4, layers=1, rate=0.5)}


def drawn(model: bp.Layer):
    """Far from a new model's even odds, or a search would have nothing to find."""
    params, state = jax.jit(model.init)(KEY, PROMPT)
    rng = np.random.default_rng(9)

    def draw(path, leaf):
        name = path[-1].key
        return np.float32(
            (name == "scale") + (0.1 if name in ("b", "scale", "shift") else 1.0) * rng.standard_normal(leaf.shape)
        )

    return jax.tree_util.tree_map_with_path(draw, params), state


def penalty(n: int, alpha: float) -> float:
    return ((5 + n) / 6) ** alpha


def best_of_all(model: bp.Layer, params, state, steps: int, end: int | None, alpha: float):
    """Every text of `steps` tokens, and of those with an end in it what is before and at it."""
    size, model, found = 3, bp.eval_mode(model), []
    forward = jax.jit(lambda text: jax.nn.log_softmax(model.forward(params, state, text)[0]))
    every = np.array(list(product(range(size), repeat=steps)))
    for row in PROMPT:
        text = np.concatenate([np.broadcast_to(row, (len(every), len(row))), every], 1)
        # The recurrent state is of as many sequences as its prompt had: a row, one by one.
        logp = np.concatenate([forward(np.broadcast_to(one, (len(PROMPT), len(one))))[:1] for one in text])
        scores = {}
        for tokens, rows in zip(every, logp[:, len(row) - 1 : -1], strict=True):
            n = steps if end not in tokens else int(np.argmax(tokens == end)) + 1
            kept = (*tokens[:n], *([end] * (steps - n)))
            scores[kept] = sum(rows[t, tokens[t]] for t in range(n)) / penalty(n, alpha)
        found.append(max(scores.items(), key=lambda item: item[1]))
    tokens, scores = zip(*found, strict=True)
    return np.array(tokens), np.array(scores)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("end", "alpha"), [(None, 0.0), (0, 0.0), (0, 2.0)])
def test_as_many_beams_as_texts_find_the_best(name: str, end: int | None, alpha: float) -> None:
    model, (params, state) = MODELS[name], drawn(MODELS[name])
    tokens, scores = beam_search(model, params, PROMPT, 3, 27, alpha, end)
    expected, best = best_of_all(model, params, state, 3, end, alpha)
    np.testing.assert_array_equal(tokens, expected)
    np.testing.assert_allclose(scores, best, rtol=1e-5)


def test_one_beam_is_greedy() -> None:
    params, _ = drawn(MODELS["gpt"])
    greedy = np.asarray(generate(MODELS["gpt"], params, PROMPT, 4, KEY, temperature=0))
    assert len(np.unique(greedy)) > 1
    np.testing.assert_array_equal(beam_search(MODELS["gpt"], params, PROMPT, 4, 1)[0], greedy)
    end = int(greedy[0, 1])
    tokens, _ = beam_search(MODELS["gpt"], params, PROMPT, 4, 1, end_token=end)
    np.testing.assert_array_equal(tokens, np.where(np.cumsum(greedy == end, 1) > 0, end, greedy))


END, A, B = range(3)
ODDS = np.log(np.array([[1, 1, 1], [0.6, 0.3, 0.1], [0.4, 0.5, 0.1]]) + 1e-9)  # of the next token, by the last


def test_a_penalty_chooses_the_longer_text() -> None:
    """From B: the end at once has 0.4; A and the end have 0.5 0.6 = 0.3, and (7 / 6)^alpha for its length."""
    search = lambda alpha: beam_search(bp.Embedding(3, 3), {"table": ODDS}, np.array([[B]]), 4, 2, alpha, END)
    tokens, scores = search(1.0)
    assert tokens.tolist() == [[END, END, END, END]]
    np.testing.assert_allclose(scores, [np.log(0.4)], rtol=1e-5)  # -0.916, against -1.204 6 / 7 = -1.032
    tokens, scores = search(3.0)
    assert tokens.tolist() == [[A, END, END, END]]
    np.testing.assert_allclose(scores, [np.log(0.3) * (6 / 7) ** 3], rtol=1e-5)  # -0.758


def test_two_beams_find_what_greed_misses() -> None:
    """A is likelier than B, but what follows A is uncertain and what follows B is not."""
    odds = np.log(np.array([[0.0, 0.6, 0.4], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0]]) + 1e-9)
    params, prompt = {"table": jnp.asarray(odds)}, np.array([[0]])
    assert beam_search(bp.Embedding(3, 3), params, prompt, 2, 1)[0].tolist() == [[A, END]]
    tokens, scores = beam_search(bp.Embedding(3, 3), params, prompt, 2, 2, length_penalty=0.0)
    assert tokens.tolist() == [[B, B]]
    np.testing.assert_allclose(scores, [np.log(0.4)], rtol=1e-5)


def test_a_text_that_goes_on_is_not_taken_for_one_that_has_ended() -> None:
    """At first A is as likely as the end, and comes before it; what follows A is less likely."""
    b, end = 1, 2
    odds = np.log(np.array([[0.25, 0.25, 0.5], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]) + 1e-9)
    params, prompt = {"table": jnp.asarray(odds)}, np.array([[b]])
    tokens, scores = beam_search(bp.Embedding(3, 3), params, prompt, 4, 2, 0.0, end)
    assert tokens.tolist() == [[end] * 4]
    np.testing.assert_allclose(scores, [np.log(0.5)], rtol=1e-5)


def test_what_it_does_not_take() -> None:
    model, params = bp.Embedding(3, 3), {"table": ODDS}
    for beams in (0, 1.5, True):
        with pytest.raises(ValueError, match="beam_search needs 1 beam or more, a whole number, not"):
            beam_search(model, params, PROMPT, 2, beams)
    for alpha in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="needs a length_penalty of 0 or more, not"):
            beam_search(model, params, PROMPT, 2, 2, alpha)
    for end in (-1, 3, 0.5):
        with pytest.raises(ValueError, match="needs an end token of 0 to 2, or None, not"):
            beam_search(model, params, PROMPT, 2, 2, end_token=end)
    with pytest.raises(ValueError, match="beam_search needs to write 1 token or more"):
        beam_search(model, params, PROMPT, 0)
