import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import LanguageModel, char_lm, generate, gpt
from backprop_jax.models.step_by_step import step_by_step
from backprop_jax.models.transformer_blocks import attention_part

KEY = jax.random.key(0)
PROMPT = np.array([[3, 1, 4], [1, 5, 2]])
MODEL = char_lm(6, width=3, features=5, layers=2, rate=0.5)


@pytest.fixture(scope="module")
def params():
    params, _ = jax.jit(MODEL.init)(jax.random.key(1), PROMPT)
    return jax.tree.map(lambda leaf: 3 * leaf, params)  # further apart than a new model's logits are


def by_hand(params, prompt, steps: int, model: bp.Layer = MODEL) -> np.ndarray:
    """The model over the whole text from its beginning, for each token anew."""
    model = bp.eval_mode(model)
    logits = jax.jit(lambda params, state, text: model.forward(params, state, text)[0])
    read = prompt.shape[1]
    text = np.concatenate([prompt, np.zeros((len(prompt), steps), int)], axis=1)  # what comes later changes nothing
    _, state = model.init(KEY, prompt)
    for place in range(read, read + steps):
        text[:, place] = logits(params, state, text[:, :-1])[:, place - 1].argmax(-1)
    return text[:, read:]


def test_greedy_is_stepping_by_hand(params) -> None:
    expected = by_hand(params, PROMPT, 8)
    assert len(np.unique(expected)) > 2  # or any loop would do
    np.testing.assert_array_equal(generate(MODEL, params, PROMPT, 8, KEY, temperature=0), expected)
    np.testing.assert_array_equal(generate(MODEL, params, PROMPT[:, :1], 1, KEY, 0), by_hand(params, PROMPT[:, :1], 1))


ROTARY = attention_part(
    8, 4, num_kv_heads=2, attention=bp.DotProductAttention(causal=True, window=4), rotary=bp.RotaryEmbedding()
)
TRANSFORMERS = {
    "gpt": gpt(6, 10, 8, layers=2, num_heads=2, rate=0.5),
    "rotary": LanguageModel(bp.Embedding(6, 8), bp.skip(ROTARY)),
    "waves": LanguageModel(bp.Embedding(6, 8), bp.chain(bp.SinusoidalPositions(), bp.skip(ROTARY))),
    "alibi": LanguageModel(
        bp.Embedding(6, 8), bp.skip(attention_part(8, 2, attention=bp.DotProductAttention(causal=True, alibi=True)))
    ),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_what_attention_remembers_is_the_whole_prefix_anew(name: str) -> None:
    model = TRANSFORMERS[name]
    params, state = jax.jit(model.init)(KEY, PROMPT)

    def draw(path, leaf):
        """Norms stay as they are, and places tell more than tokens: or one token would follow all."""
        if path[-1].key in ("scale", "shift"):
            return leaf
        return (3 if jax.tree_util.DictKey("wpe") in path else 1) * jax.random.normal(KEY, leaf.shape)

    params = jax.tree_util.tree_map_with_path(draw, params)
    expected = by_hand(params, PROMPT, 8, model)  # 3 + 8 tokens, of which the last is not read: 10 places
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(generate(model, params, PROMPT, 8, KEY, temperature=0), expected)
    # And the logits: three steps at once, then one by one.
    text, writer = np.concatenate([PROMPT, expected[:, :-1]], 1), step_by_step("test", model, 10)
    whole = jax.jit(bp.eval_mode(model).forward)(params, state, text)[0]
    state, forward = writer.init(KEY, PROMPT)[1], jax.jit(writer.forward)
    parts = []
    for part in np.split(text, range(3, 10), 1):
        logits, state, _ = forward(params, state, part)
        parts.append(logits)
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=1e-5, atol=1e-5)


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


def test_only_tokens_that_are_likely_enough() -> None:
    model = Odds(tuple(np.log([0.2, 0.5, 0.3])))
    draw = lambda **kept: np.bincount(
        np.ravel(generate(model, (), np.zeros((1000, 1), int), 2, KEY, **kept)), minlength=3
    )
    np.testing.assert_allclose(draw(top_k=2) / 2000, [0, 0.625, 0.375], atol=0.04)
    np.testing.assert_allclose(draw(top_p=0.6) / 2000, [0, 0.625, 0.375], atol=0.04)
    assert draw(top_k=1).tolist() == draw(top_p=0.4).tolist() == [0, 2000, 0]
    # The temperature comes first: at 0.5 the odds are 4 : 25 : 9, and 25 of 38 are enough for 0.6.
    assert draw(top_p=0.6, temperature=0.5).tolist() == [0, 2000, 0]
    assert draw(top_k=3, top_p=1.0).all()


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
    for name, value in (("top_k", 0), ("top_k", 1.5), ("top_p", 0.0), ("top_p", 1.1), ("top_p", float("nan"))):
        with pytest.raises(ValueError, match=f"needs a {name} .* or None, not {value}"):
            generate(MODEL, params, PROMPT, 3, KEY, **{name: value})
    model = gpt(6, 10, 8, layers=1, num_heads=2)
    abstract, _ = jax.eval_shape(model.init, KEY, PROMPT)
    with pytest.raises(ValueError, match=r"would read 11 tokens, .* PositionEmbedding.* has places for 10"):
        generate(model, abstract, PROMPT, 9, KEY)
    open_ended = LanguageModel(bp.Embedding(6, 8), attention_part(8, 2))
    with pytest.raises(ValueError, match="knows only what came before, not one with SelfAttention"):
        generate(open_ended, abstract, PROMPT, 3, KEY)
    # The recurrent layer behind it remembers, but the convolution does not.
    backward_looking = bp.chain(bp.Embedding(6, 3), bp.Conv(3, (3,), padding=((2, 0),)), bp.recurrent(bp.LSTMCell(6)))
    unused, _ = jax.eval_shape(backward_looking.init, KEY, PROMPT)
    with pytest.raises(
        ValueError, match=r"generate gives .*, but Conv\(.* at 1 looks at other steps than its own and re"
    ):
        generate(backward_looking, unused, PROMPT, 3, KEY)
    with pytest.raises(ValueError, match="SelfAttention, not DotProductAttention"):
        generate(bp.chain(bp.Embedding(6, 8), bp.DotProductAttention(causal=True)), abstract, PROMPT, 3, KEY)
