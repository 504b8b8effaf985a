"""Models with a tied table, taken apart: the chain of the parts computes what the model does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.core.parts import Part
from backprop_jax.models.encoder_decoder import EncoderDecoder, EncoderDecoderLoss
from tests.test_catalogue import MODELS

_, (INPUT, HIDDEN, FOLLOWS) = MODELS["BertPreTrainingLoss"]
_, PAIRS = MODELS["EncoderDecoderLoss"]
TABLE, WORDS = bp.Embedding(12, 4), losses.LinearCrossEntropy(12)
READS = bp.from_function(lambda x: (x[0] + jnp.sin(x[1].x.mean(1, keepdims=True)), x[1]))
ENCODER, DECODER = bp.first(bp.Dense(4)), bp.chain(bp.first(bp.Dense(4)), READS)
PRETRAINING = bp.models.bert_pretraining(bp.models.bert(12, 8, 4, layers=0, num_heads=1, rate=0.1))
CASES = {
    "LanguageModel": (bp.models.gpt(12, 8, 4, layers=0, num_heads=1), np.array([[1, 2, 1], [3, 4, 11]])),
    "LanguageModelLoss": MODELS["LanguageModelLoss"],
    "bert": (PRETRAINING.bert, INPUT),
    "bert_pretraining": (PRETRAINING, INPUT._replace(token_types=None)),
    "BertPreTrainingLoss": (
        bp.models.BertPreTrainingLoss(PRETRAINING, losses.LinearCrossEntropy(12, use_bias=True)),
        (INPUT, HIDDEN, FOLLOWS),
    ),
    "EncoderDecoder": (EncoderDecoder(TABLE, ENCODER, DECODER), PAIRS[:3]),
    "two tables": (EncoderDecoderLoss(EncoderDecoder(TABLE, ENCODER, DECODER, TABLE), WORDS), PAIRS),
}


@pytest.mark.parametrize("name", CASES)
def test_the_chain_of_the_parts_computes_what_the_model_does(name: str) -> None:
    model, x = CASES[name]
    x = jax.tree.map(np.asarray, x)

    @jax.jit
    def both():
        params, state = model.init(jax.random.key(0), x)
        parts = model.in_parts()
        chain = bp.chain(*(part.layer for part in parts))
        own = tuple(Part.take(params, part.params) for part in parts)
        own_state = tuple(Part.take(state, part.state) for part in parts)
        results = []
        for layer, weights, before in ((model, params, state), (chain, own, own_state)):
            y, after, residuals = layer.forward(weights, before, x)
            dy = jax.tree.map(jnp.cos, y)
            results.append([y, after, layer.backward(weights, residuals, dy)[0]])
        _, after, gradients = results[1]
        for place, values in (("state", after), ("params", gradients)):
            whole = {}
            for part, value in zip(parts, values, strict=True):
                whole = Part.put(whole, getattr(part, place), value)
            results[1][("state", "params").index(place) + 1] = whole
        return jax.tree.map(_plain, results)

    theirs, ours = both()
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    assert len(jax.tree.leaves(theirs[2])) > 4
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


def _plain(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
