"""Every public layer, loss and combinator keeps the laws, on every row of the catalogue.

In float32 on every row; without jit, in bfloat16 and float64 and against central differences, on the row of each public
name that has the most to say of its layer. With EVERY_ROW=1 in the environment on all: `EVERY_ROW=1 make test` takes a
minute more.
"""

import inspect
import os

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.combinators.skip import Skip
from backprop_jax.core.summary import saved_bytes
from backprop_jax.models.residual_blocks import basic_branch, bottleneck_branch
from backprop_jax.models.resnets import resnet
from backprop_jax.testing.check_layer import check_laws
from tests.catalogue import COMBINATORS, LAYERS, LOSSES, VECTORS, Row, normal

ROWS = [*LAYERS, *COMBINATORS, *LOSSES]
FULLEST = list({row.name: row for row in sorted(ROWS, key=lambda row: len(repr(row.layer)))}.values())
IN_FULL = {str(row) for row in (ROWS if os.environ.get("EVERY_ROW") else FULLEST)}

# Public names that make no layer of their own.
TOOLS = {
    "Children", "LSTMCarry", "Layer", "Packed", "Padded", "Static", "Template", "Visibility", "as_jax_function",
    "eval_mode", "explain", "fold_batch_norm", "merge_lora", "reseed", "residual_bytes", "rewrite", "rewrite_with_path",
    "summarize", "value_and_grad",
}  # fmt: skip


def test_every_public_name_has_a_row() -> None:
    public = {name for name in bp.__all__ if not name.startswith("_") and not inspect.ismodule(getattr(bp, name))}
    assert {row.name for row in ROWS} == (public - TOOLS) | set(losses.__all__)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_laws(row: Row) -> None:
    check_laws(row.layer, row.x, **row.options, brief=str(row) not in IN_FULL)


def _composable() -> list[bp.Layer]:
    """One of each layer that maps an array (4, 6) to an array, so that any two can be neighbours."""
    makers = {
        "Reshape": lambda: bp.Reshape((2, 3)),
        "Transpose": lambda: bp.Transpose((1, 0)),
        "Dense": lambda: bp.Dense(6),
        "GLU": lambda: bp.chain(bp.Dense(12), bp.GLU()),
    }
    makers |= {"Dropout": lambda: bp.Dropout(0.5), "ReLU": bp.ReLU}
    others = {row.name for row in VECTORS} - {"Embedding", "Sum", "Concatenate"}
    leaves = [makers.get(name, getattr(bp, name))() for name in sorted(others)]
    return [*leaves, bp.skip(bp.Dense(6)), bp.from_function(jax.numpy.sin)]


def _fit(first: bp.Layer, second: bp.Layer) -> bool:
    """Reshape makes three axes of two and widths of 3, Transpose a batch of 6."""
    three_axes = isinstance(first, bp.Reshape) and isinstance(second, bp.Transpose | bp.Reshape | Skip)
    return not three_axes and not (isinstance(first, bp.Transpose) and isinstance(second, bp.Reshape | Skip))


def _assert_saves_no_more_than_jax_vjp(model: bp.Layer, x: np.ndarray) -> None:
    params, state = jax.eval_shape(model.init, jax.random.key(0), x)

    def of_vjp(params, state, x):
        return jax.vjp(lambda params, x: model.forward(params, state, x)[0], params, x)[1]

    saved, by_vjp = bp.residual_bytes(model, x), saved_bytes(of_vjp, params, state, x)
    assert saved <= by_vjp, f"{model} saves {saved} bytes, jax.vjp {by_vjp}"


GREY, COLOURED = normal(16, 8, 8), normal(2, 33, 32, 3)
TOKENS = np.arange(12).reshape(2, 6)
SENTENCES = bp.Padded(TOKENS, np.array([6, 3]))
PACKED = bp.Packed(TOKENS, np.array([[1, 1, 2, 2, 2, 0], [1] * 6]))
tiny_objective = bp.models.LanguageModelLoss(bp.models.gpt(12, 8, 8, 2, 2), losses.LinearCrossEntropy(12))
pretraining = bp.models.bert_pretraining(bp.models.bert(12, 8, 8, 2, 2, rate=0.1))
BERT_INPUT = bp.models.BertInput(TOKENS, TOKENS % 2, np.array([6, 3]))
BERT_LOSS = losses.LinearCrossEntropy(12, use_bias=True, ignore_index=-1)
translator, pairs = bp.models.transformer(12, None, 8, 12, 2, 2), (TOKENS, np.array([6, 3]), TOKENS[:, :4])
MODELS = {
    "mlp": (bp.models.mlp(), GREY),
    "residual_mlp": (bp.models.residual_mlp(), GREY),
    "linear_softmax": (bp.models.linear_softmax(), GREY),
    "lenet": (bp.models.lenet(), COLOURED),
    "cifar_plain": (bp.models.cifar_plain(8), COLOURED),
    "cifar_resnet": (bp.models.cifar_resnet(8), COLOURED),
    "mobilenet": (bp.models.mobilenet(), COLOURED),
    # Fewer of their blocks: the others are alike and take as long again.
    "resnet18": (resnet((1, 1), basic_branch, 10, False), COLOURED),
    "resnet34": (resnet((2, 1), basic_branch, 10, False), COLOURED),
    "resnet50": (resnet((2, 1), bottleneck_branch, 10, False), COLOURED),
    "char_lm": (bp.models.char_lm(12, 4, 8, layers=2, rate=0.5), TOKENS),
    "sentiment_classifier": (bp.models.sentiment_classifier(12, 2, 4, 8), SENTENCES),
    "sequence_tagger": (bp.models.sequence_tagger(12, 3, 4, 8), SENTENCES),
    "gpt": (bp.models.gpt(12, 8, 8, 2, 2, rate=0.1), PACKED),
    "LanguageModel": (bp.models.gpt(12, 8, 8, 2, 2, recompute="none"), TOKENS),
    "LanguageModelLoss": (tiny_objective, (PACKED, TOKENS)),
    "bert": (bp.models.bert(12, 8, 8, 2, 2, recompute="block"), BERT_INPUT),
    "bert_classifier": (bp.models.bert_classifier(bp.models.bert(12, 8, 8, 2, 2), rate=0.1), BERT_INPUT),
    "bert_pretraining": (pretraining, BERT_INPUT),
    "BertPreTrainingLoss": (
        bp.models.BertPreTrainingLoss(pretraining, BERT_LOSS),
        (BERT_INPUT, bp.data.HiddenWords(TOKENS[:, 1:3] % 6, TOKENS[:, :2]), np.array([0, 1])),
    ),
    "transformer": (bp.models.transformer(12, 9, 8, 12, 2, 2, norm="pre"), pairs),
    "EncoderDecoder": (translator, pairs),
    "EncoderDecoderLoss": (bp.models.EncoderDecoderLoss(translator, losses.LinearCrossEntropy(12)), (*pairs, pairs[2])),
}


@pytest.mark.parametrize("name", MODELS)
def test_no_model_saves_more_than_jax_vjp(name: str) -> None:
    _assert_saves_no_more_than_jax_vjp(*MODELS[name])


def test_every_model_is_among_them() -> None:
    files = {"bert_labels", "load_bert", "load_gpt2", "load_torchvision", "save_bert", "save_gpt2", "save_torchvision"}
    tools = {"BertInput", "beam_search", "cross_attention_maps", "generate", "translate"}
    parts = {name for name in bp.models.__all__ if name.endswith(("_part", "_block"))}  # of the models above
    assert set(MODELS) == set(bp.models.__all__) - files - tools - parts


@pytest.mark.parametrize("first", _composable(), ids=repr)
def test_no_pair_of_neighbours_saves_more_than_jax_vjp(first: bp.Layer) -> None:
    x = normal(4, 6)
    for second in _composable():
        if not _fit(first, second):
            continue
        _assert_saves_no_more_than_jax_vjp(bp.chain(first, second), x)
