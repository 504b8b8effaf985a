import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import char_lm, generate

KEY = jax.random.key(0)
PROMPT = np.array([[3, 1, 4], [1, 5, 2]])
MODEL = char_lm(6, width=3, features=5, layers=2, rate=0.5)


@pytest.fixture(scope="module")
def params():
    params, _ = jax.jit(MODEL.init)(jax.random.key(1), PROMPT)
    return jax.tree.map(lambda leaf: 3 * leaf, params)  # further apart than a new model's logits are


def by_hand(params, prompt, steps: int) -> np.ndarray:
    """The model over the whole text from its beginning, for each token anew."""
    model = bp.eval_mode(MODEL)
    logits = jax.jit(lambda params, state, text: model.forward(params, state, text)[0])
    read = prompt.shape[1]
    text = np.concatenate([prompt, np.zeros((len(prompt), steps), int)], axis=1)  # what comes later changes nothing
    _, state = model.init(KEY, text)
    for place in range(read, read + steps):
        text[:, place] = logits(params, state, text)[:, place - 1].argmax(-1)
    return text[:, read:]


def test_greedy_is_stepping_by_hand(params) -> None:
    expected = by_hand(params, PROMPT, 8)
    assert len(np.unique(expected)) > 2  # or any loop would do
    np.testing.assert_array_equal(generate(MODEL, params, PROMPT, 8, KEY, temperature=0), expected)
    np.testing.assert_array_equal(generate(MODEL, params, PROMPT[:, :1], 1, KEY, 0), by_hand(params, PROMPT[:, :1], 1))


def test_layers_that_begin_with_zeros_go_on_too(params) -> None:
    def from_zero(part: bp.Layer) -> bp.Layer:
        return dataclasses.replace(part, carry="zero") if hasattr(part, "carry") else part

    model = bp.rewrite(MODEL, from_zero)
    assert model != MODEL
    np.testing.assert_array_equal(generate(model, params, PROMPT, 8, KEY, 0), by_hand(params, PROMPT, 8))


@dataclasses.dataclass(frozen=True)
class Odds(bp.Layer):
    """The same logits at every step, whatever came before."""

    logits: tuple[float, ...]

    def forward(self, params, state, x):
        return jnp.broadcast_to(jnp.array(self.logits), (*x.shape, len(self.logits))), state, ()

    def backward(self, params, residuals, dy):
        return (), None


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_tokens_are_drawn_by_their_probability(temperature: float) -> None:
    logits = np.log([0.5, 0.3, 0.2])
    drawn = np.asarray(generate(Odds(tuple(logits)), (), np.zeros((4000, 1), int), 2, KEY, temperature))
    expected = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    for tokens in (drawn[:, 0], drawn[:, 1]):
        np.testing.assert_allclose(np.bincount(tokens, minlength=3) / 4000, expected, atol=0.03)
    assert abs(np.mean(drawn[:, 0] == drawn[:, 1]) - (expected**2).sum()) < 0.03  # each step has a key of its own


def test_one_key_writes_one_text(params) -> None:
    first, again, other = (generate(MODEL, params, PROMPT, 20, jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (np.asarray(first) != other).any()


def test_what_it_does_not_take(params) -> None:
    with pytest.raises(ValueError, match=r"token 6 at \[0, 1\] is not in the vocabulary of 0 to 5"):
        generate(MODEL, params, np.array([[0, 6]]), 3, KEY)
    with pytest.raises(TypeError, match="tokens must be integers, not float32"):
        generate(MODEL, params, PROMPT.astype(np.float32), 3, KEY)
    for prompt in (PROMPT[0], PROMPT[:, :0]):
        with pytest.raises(ValueError, match=r"needs a prompt \(B, P\) of at least one token, not \["):
            generate(MODEL, params, prompt, 3, KEY)
    with pytest.raises(ValueError, match="write 1 token or more, a whole number, not 0"):
        generate(MODEL, params, PROMPT, 0, KEY)
    for temperature in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="needs a temperature of 0 or more, not"):
            generate(MODEL, params, PROMPT, 3, KEY, temperature)
    with pytest.raises(ValueError, match="knows only what came before, not one with Recurrent"):
        generate(bp.chain(bp.Embedding(6, 3), bp.recurrent(bp.LSTMCell(5), reverse=True)), params, PROMPT, 3, KEY)
