"""A gradient is changed where all of it is, and once."""

import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import OneBit, RandomK, clip_layers, compress_layers, freeze, noise_layers, replace_selected
from backprop_jax.harvest.in_backward.randomly_changed import RandomlyChanged
from backprop_jax.harvest.residuals import quantized
from tests.harvest.in_backward.small import MODEL

OBJECTIVE = bp.models.LanguageModelLoss(bp.models.gpt(12, 8, 8, 1, 2), losses.LinearCrossEntropy(12))
CHANGES = {
    "freeze": freeze,
    "clip_layers": lambda layer, selector: clip_layers(layer, selector, 1.0),
    "noise_layers": lambda layer, selector: noise_layers(layer, selector, 1.0),
    "compress_layers": lambda layer, selector: compress_layers(layer, selector, OneBit()),
}


@pytest.mark.parametrize("kind", [bp.Embedding, losses.LinearCrossEntropy])
def test_a_tied_table_is_refused(kind) -> None:
    for name, change in CHANGES.items():
        with pytest.raises(ValueError, match=rf"{name} .* {kind.__name__} at '.*', whose parameters .* uses twice"):
            change(OBJECTIVE, kind)
    freeze(OBJECTIVE, bp.Dense)
    wrapped = replace_selected(OBJECTIVE.layer, bp.Embedding, quantized)
    with pytest.raises(ValueError, match="Embedding at 'embedding', whose parameters LanguageModel uses twice"):
        freeze(wrapped, bp.Embedding)


def test_what_the_layer_around_it_reads_is_refused() -> None:
    bert = bp.models.bert_pretraining(bp.models.bert(12, 8, 8, 1, 2))
    objective = bp.models.BertPreTrainingLoss(bert, losses.LinearCrossEntropy(12, use_bias=True))
    for model, selector, message in (
        (OBJECTIVE, type(OBJECTIVE.layer), "LanguageModel at '', which LanguageModelLoss opens"),
        (objective, type(bert), "BertPreTraining at '', which BertPreTrainingLoss opens"),
        (objective, "follows", "CrossEntropy at 'follows', which BertPreTrainingLoss opens"),
        (objective, "bert", "Bert at 'bert', which BertPreTraining opens"),
    ):
        with pytest.raises(ValueError, match=message):
            freeze(model, selector)
    freeze(bert, "follows")


def test_all_of_a_model_with_a_tied_table_may_be_changed() -> None:
    """No use of the table is outside of it."""
    for name, change in CHANGES.items():
        whole = change(OBJECTIVE, "*")
        assert whole.layer == OBJECTIVE, name  # pyright: ignore[reportAttributeAccessIssue]
    tokens = jnp.zeros((2, 4), jnp.int32)
    frozen, batch = freeze(OBJECTIVE, ""), (tokens, tokens)
    params, state = jax.eval_shape(frozen.init, jax.random.key(0), batch)
    _, gradient = jax.eval_shape(bp.value_and_grad(frozen), params, state, batch)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)


@pytest.mark.parametrize("part", [bp.recurrent(bp.LSTMCell(4)), bp.scan(bp.Dense(3), 2), bp.skip(bp.Tanh())], ids=repr)
def test_of_several_layers_at_a_path_the_outermost_is_changed_alone(part: bp.Layer) -> None:
    for change in CHANGES.values():
        changed = change(bp.chain(a=part, b=bp.Tanh()), "a")
        assert changed.children.layers[0].layer == part  # pyright: ignore[reportAttributeAccessIssue]


def test_a_layer_within_a_selected_one_is_not_changed_twice() -> None:
    for selector, count in (("body*", 1), ("*", 1), ("body/*", 4), (bp.Dense, 3)):
        found: list[RandomlyChanged] = []

        def look(part, found=found):
            found.extend([part] if isinstance(part, RandomlyChanged) else [])
            return part

        bp.rewrite(compress_layers(MODEL, selector, RandomK(0.5)), look)
        assert len(found) == count
    twice = noise_layers(noise_layers(bp.Dense(3), bp.Dense, 1.0), bp.Dense, 1.0)
    assert isinstance(twice, RandomlyChanged) and isinstance(twice.layer, RandomlyChanged)
