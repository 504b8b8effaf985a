import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import EncoderDecoder, EncoderDecoderLoss, cross_attention_maps, transformer, translate
from backprop_jax.models.decoder_blocks import Remembered, post_norm_decoder_block
from backprop_jax.models.transformer_blocks import attention_part, feed_forward_part
from backprop_jax.testing.cases import QUICK
from tests.models.gradients import assert_gradient_of_objective
from tests.oracles import encoder_decoder as oracle

SOURCE, LENGTHS = np.array([[3, 1, 4, 1, 5], [5, 2, 0, 0, 0]]), np.array([5, 2])
INPUTS, TARGETS = np.array([[6, 3, 2, 1], [6, 1, 0, 0]]), np.array([[3, 2, 1, 0], [1, 0, -1, -1]])
BATCH = (SOURCE, LENGTHS, INPUTS, TARGETS)
MODEL = transformer(7, None, 8, 12, layers=2, num_heads=2)
FORWARD = jax.jit(bp.eval_mode(MODEL).forward, compiler_options=QUICK)


def loss(**options) -> bp.losses.LinearCrossEntropy:
    return bp.losses.LinearCrossEntropy(7, label_smoothing=0.1, ignore_index=-1, **options)


def drawn(model: EncoderDecoder):
    """Far from a new model's parameters, which all translate alike."""
    params, state = jax.jit(model.init, compiler_options=QUICK)(jax.random.key(0), BATCH[:3])
    rng = np.random.default_rng(142)  # of which the greedy translations differ, and from token to token
    spread = {"b": 0.1, "shift": 0.1, "scale": 0.1, "table": 0.3}

    def draw(path, leaf):
        name = path[-1].key
        return np.float32((name == "scale") + spread.get(name, 1.0) * rng.standard_normal(leaf.shape))

    return jax.tree_util.tree_map_with_path(draw, params), state


@pytest.mark.parametrize(
    "model",
    [MODEL, transformer(7, 6, 8, 12, layers=1, num_heads=2, norm="pre", recompute="block")],
    ids=["post, one table", "pre, two tables"],
)
def test_gradient(model: EncoderDecoder) -> None:
    assert_gradient_of_objective(EncoderDecoderLoss(model, loss()), BATCH)


def test_it_is_the_paper_s() -> None:
    """Each sentence alone and without what fills it up, step by step."""
    params, state = drawn(MODEL)
    logits = FORWARD(params, state, BATCH[:3])[0]
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    for row, length, inputs, found in zip(SOURCE, LENGTHS, INPUTS, logits, strict=True):
        np.testing.assert_allclose(found, oracle.logits(params, row[:length], inputs, 2, 2), rtol=1e-4, atol=1e-4)


def test_the_loss_is_that_of_the_logits() -> None:
    params, state = drawn(MODEL)
    model = bp.eval_mode(MODEL)

    @partial(jax.jit, compiler_options=QUICK)
    def both(params):
        objective = EncoderDecoderLoss(model, loss())
        return model.forward(params, state, BATCH[:3])[0], objective.forward(params, state, BATCH)[0]

    logits, found = both(params)
    logp = np.asarray(jax.nn.log_softmax(logits), np.float64)
    terms = [-(0.9 * logp[i][t] + 0.1 * logp[i].mean()) for i, t in np.ndenumerate(TARGETS) if t >= 0]
    np.testing.assert_allclose(found, np.mean(terms), rtol=1e-5)


def test_the_memory_is_saved_once_for_all_layers() -> None:
    model = transformer(7, None, 8, 12, layers=3, num_heads=2, rate=0.0)
    x = (np.zeros((2, 5), np.int32), np.array([5, 2]), np.zeros((2, 4), np.int32))
    params, state = jax.eval_shape(model.init, jax.random.key(0), x)
    residuals = jax.eval_shape(model.forward, params, state, x)[2].body.decoder["blocks"]
    assert sorted(leaf.shape for leaf in residuals.invariant.values()) == [(2,), (2, 5, 8)]
    assert (3, 2, 5, 8) not in [leaf.shape for leaf in residuals.stacked]


def greedily(params, state, steps: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole model over all that is written, for each token anew; and the logits at the last step."""
    text = np.full((2, steps + 1), 6)
    for place in range(steps):
        logits = FORWARD(params, state, (SOURCE, LENGTHS, text[:, :-1]))[0]
        text[:, place + 1] = logits[:, place].argmax(-1)
    written = text[:, 1:]
    return np.where(np.cumsum(written == end, 1) > 0, end, written), logits


def test_a_greedy_translation_is_that_of_the_whole_model() -> None:
    params, state = drawn(MODEL)
    plain, logits = greedily(params, state, 6, end=-1)
    assert len(np.unique(plain)) > 2 and (plain[0] != plain[1]).any()
    end = int(plain[0, 3])
    assert end not in plain[0, :3]
    expected, _ = greedily(params, state, 6, end)
    found, scores = translate(MODEL, params, SOURCE, LENGTHS, 6, 6, end)
    np.testing.assert_array_equal(found, expected)
    logp = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), plain[..., None], -1)[..., 0]
    n = [list(row).index(end) + 1 if end in row else 6 for row in plain]
    wanted = [row[:n].sum() / ((5 + n) / 6) ** 0.6 for row, n in zip(logp, n, strict=True)]
    np.testing.assert_allclose(scores, wanted, rtol=1e-4)


def test_beams_score_what_they_find() -> None:
    """Caches and memory go with the texts: the score is that of the whole model for the tokens found."""
    params, _ = drawn(MODEL)
    tokens, scores = translate(MODEL, params, SOURCE, LENGTHS, 6, 6, 4, beams=3, length_penalty=0.0)
    _, greedy = translate(MODEL, params, SOURCE, LENGTHS, 6, 6, 4, length_penalty=0.0)
    assert (np.asarray(scores) >= np.asarray(greedy) - 1e-5).all()
    of_all = [translate(MODEL, params, SOURCE, given, 6, 6, 4, 3, 0.0)[1] for given in (None, np.array([5, 5]))]
    np.testing.assert_array_equal(of_all[0], of_all[1])
    assert of_all[0][1] != scores[1]
    logp = _scored(params, tokens, LENGTHS)
    real = np.cumsum(tokens == 4, 1) - (tokens == 4) == 0  # up to the first end, with it
    np.testing.assert_allclose(scores, (logp * real).sum(1), rtol=1e-4)


def test_the_memory_is_there_once_for_all_beams() -> None:
    """And one beam moves no cache: (layers, sentences, steps, heads, width)."""
    params, _ = jax.eval_shape(MODEL.init, jax.random.key(0), BATCH[:3])
    for beams in (1, 3):
        program = str(
            jax.make_jaxpr(lambda params, k=beams: translate(MODEL, params, SOURCE, None, 9, 6, None, k))(params)
        )
        assert "f32[2,5,16]" in program and "f32[6,5,16]" not in program
        moves = [line for line in program.splitlines() if f"f32[2,{2 * beams},9,2,4] = gather" in line]
        assert bool(moves) == (beams > 1)


def test_groups_of_heads_windows_and_turned_heads_are_remembered_too() -> None:
    near = bp.DotProductAttention(causal=True, window=3)
    look = bp.chain(
        bp.parallel(bp.Dense(8), Remembered(bp.first(bp.Dense(8)))), bp.CrossAttention(4, num_kv_heads=2), bp.Dense(8)
    )
    block = post_norm_decoder_block(
        attention_part(8, 4, num_kv_heads=2, attention=near, rotary=bp.RotaryEmbedding()),
        look,
        feed_forward_part(8, 12),
    )
    model = EncoderDecoder(bp.Embedding(7, 8), bp.first(bp.Dense(8)), block)
    params, _ = drawn(model)
    found, scores = translate(model, params, SOURCE, LENGTHS, 6, 6, None, 2, 0.0)
    np.testing.assert_allclose(scores, _scored(params, found, LENGTHS, model).sum(1), rtol=1e-5)


def _scored(params, tokens, lengths: np.ndarray, model: EncoderDecoder = MODEL) -> np.ndarray:
    """The logarithms of the probabilities that the whole model gives to the tokens."""
    forward = FORWARD if model is MODEL else jax.jit(bp.eval_mode(model).forward, compiler_options=QUICK)
    inputs = np.concatenate([np.full((2, 1), 6), tokens[:, :-1]], 1)
    logits = forward(params, drawn(model)[1], (SOURCE, lengths, inputs))[0]
    return np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), np.asarray(tokens)[..., None], -1)[..., 0]


def test_a_handful_of_pairs_is_learned_by_heart() -> None:
    """Of random words, so that nothing but the whole way from the loss to the search gives them back."""
    begin, end, rng = 0, 1, np.random.default_rng(0)
    sources, targets = rng.integers(2, 9, (2, 5, 4))
    filled = (
        np.pad(targets, ((0, 0), (1, 0)), constant_values=begin),
        np.pad(targets, ((0, 0), (0, 1)), constant_values=end),
    )
    model = transformer(9, None, 16, 32, layers=1, num_heads=2, rate=0.0)
    objective = EncoderDecoderLoss(model, bp.losses.LinearCrossEntropy(9))
    optimizer, batch = bp.optim.adam(1e-2), (sources, np.full(5, 4), *filled)

    @partial(jax.jit, compiler_options=QUICK)
    def learn(key):
        params, state = objective.init(key, batch)

        def step(carry, _):
            _, gradient = bp.value_and_grad(objective)(carry[0], state, batch)
            updates, optimizing = optimizer.update(gradient, carry[1], carry[0])
            return (jax.tree.map(jnp.add, carry[0], updates), optimizing), None

        return params, jax.lax.scan(step, (params, optimizer.init(params)), length=100)[0][0]

    new, learned = learn(jax.random.key(0))
    found, guessed = (
        np.asarray(translate(model, params, sources, None, 5, begin, end, 2)[0]) for params in (learned, new)
    )
    np.testing.assert_array_equal(found, filled[1])
    assert (guessed[:, :4] == targets).mean() < 0.5


def test_a_memory_is_projected_once() -> None:
    x = jnp.ones((2, 3))
    keep, recall = (Remembered(bp.Dense(4), mode) for mode in ("keep", "recall"))
    params, state = keep.init(jax.random.key(0), x)
    y, state, _ = keep.forward(params, state, x)
    again, _, residuals = recall.forward(params, state, 2 * x)
    assert (again == y).all() and (y == bp.Dense(4).forward(params, (), x)[0]).all()
    assert recall.backward(params, residuals, y) == (None, None)
    with pytest.raises(ValueError, match="needs a mode of 'compute', 'keep' or 'recall', not 'kept'"):
        Remembered(bp.Dense(4), "kept")  # pyright: ignore[reportArgumentType]


def test_maps_are_what_attention_weighs_by() -> None:
    """By the values that it makes: p is found again from (p v) of two layers of random values."""
    layer = bp.CrossAttention(2)
    q, memory = jax.random.normal(jax.random.key(0), (2, 4, 6)), jax.random.normal(jax.random.key(1), (2, 5, 12))
    (p,) = cross_attention_maps(layer, (), (q, bp.Padded(memory, LENGTHS)))
    assert p.shape == (2, 2, 4, 5)
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-5)
    assert (p[1, :, :, 2:] == 0).all() and (p[0] > 0).all()
    for head in range(2):
        scores = q[0, :, 3 * head : 3 * head + 3] @ memory[0, :, 3 * head : 3 * head + 3].T / np.sqrt(3)
        np.testing.assert_allclose(p[0, head], jax.nn.softmax(scores), rtol=1e-5)
    params, _ = drawn(MODEL)
    (p,) = cross_attention_maps(MODEL, params, BATCH[:3])
    assert p.shape == (2, 2, 2, 4, 5)  # two layers, two sentences, two heads


def _with_window(layer: bp.Layer) -> bp.Layer:
    near = bp.DotProductAttention(window=2)
    return dataclasses.replace(layer, attention=near) if isinstance(layer, bp.CrossAttention) else layer


def test_what_they_do_not_take() -> None:
    with pytest.raises(ValueError, match="needs a norm of 'post' or 'pre', not 'none'"):
        transformer(7, norm="none")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="8 features cannot be divided among 3 heads"):
        transformer(7, features=8, num_heads=3)
    with pytest.raises(ValueError, match="needs a tuple of 3 inputs"):
        MODEL.init(jax.random.key(0), BATCH)
    params = jax.eval_shape(MODEL.init, jax.random.key(0), BATCH[:3])[0]
    for options, message in (
        ({"sources": SOURCE + 2}, r"token 7 at \[0, 4\] is not in the vocabulary of 0 to 6"),
        ({"sources": SOURCE[0]}, r"translate needs sources \(B, S\), not \[5\]"),
        ({"lengths": np.array([5, 6])}, "that of sequence 1 is 6"),
        ({"steps": 0}, "translate needs to write 1 token or more"),
        ({"begin": 7}, "needs a begin token of 0 to 6, not 7"),
        ({"end": 7}, "needs an end token of 0 to 6, or None, not 7"),
        ({"beams": 0}, "needs 1 beam or more"),
    ):
        given = {"sources": SOURCE, "lengths": LENGTHS, "steps": 3, "begin": 6, "end": 0} | options
        with pytest.raises(ValueError, match=message):
            translate(MODEL, params, **given)
    looking = dataclasses.replace(MODEL, decoder=bp.chain(bp.first(bp.Conv(8, (3,))), MODEL.decoder))
    unused = jax.eval_shape(looking.init, jax.random.key(0), BATCH[:3])[0]
    with pytest.raises(ValueError, match=r"translate gives .*, but Conv\(.* at 0 looks at other steps"):
        translate(looking, unused, SOURCE, LENGTHS, 3, 6, 0)
    nearby = dataclasses.replace(MODEL, decoder=bp.rewrite(MODEL.decoder, _with_window))
    with pytest.raises(ValueError, match="needs cross-attention to which all steps are the first, not CrossAttention"):
        translate(nearby, params, SOURCE, LENGTHS, 3, 6, 0)
    with pytest.raises(TypeError, match="tokens must be integers"):
        translate(MODEL, params, SOURCE * 0.5, LENGTHS, 3, 6, 0)
