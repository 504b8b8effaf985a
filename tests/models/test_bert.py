from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import HiddenWords
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.models import BertInput, BertPreTrainingLoss, bert, bert_classifier, bert_pretraining
from backprop_jax.models.bert_parts import FirstStep, StepsAt, TokenTypes
from backprop_jax.testing import check_layer
from backprop_jax.testing.cases import QUICK
from tests.catalogue import ids, normal
from tests.models.gradients import assert_gradient_of_objective

TOKENS, TYPES, LENGTHS = ids(3, 5, below=11), ids(3, 5, below=2), np.array([5, 2, 1])
X = BertInput(TOKENS, TYPES, LENGTHS)
TARGETS = np.where(np.arange(15).reshape(3, 5) % 4 == 0, TOKENS, -1)
ENCODER = bert(11, 8, 8, 2, 2)
LOSS = BertPreTrainingLoss(bert_pretraining(ENCODER), LinearCrossEntropy(11, use_bias=True, ignore_index=-1))
BATCH = X, TARGETS, np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("model", "count"),
    [(bert_pretraining(bert(30522)), 110_106_428), (bert_classifier(bert(30522)), 109_483_778)],
    ids=["pretraining", "classifier"],
)
def test_the_base_has_as_many_numbers_as_published(model: bp.Layer, count: int) -> None:
    params, _ = jax.eval_shape(model.init, jax.random.key(0), X)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_the_parts_keep_the_laws() -> None:
    check_layer(TokenTypes(2), BertInput(normal(3, 5, 4), TYPES, LENGTHS))
    check_layer(FirstStep(), normal(2, 3, 4))


def test_a_type_below_0_counts_from_the_end_in_backward_too() -> None:
    x, dy, params = normal(1, 3, 4), normal(1, 3, 4), {"table": normal(2, 4)}
    y, _, residuals = TokenTypes(2).forward(params, (), BertInput(x, np.array([[0, -1, -2]])))
    np.testing.assert_allclose(y - x, params["table"][np.array([[0, 1, 0]])], atol=1e-6)
    dparams, _ = TokenTypes(2).backward(params, residuals, dy)
    np.testing.assert_allclose(dparams["table"], [dy[0, 0] + dy[0, 2], dy[0, 1]], rtol=1e-6)


def test_without_a_cotangent_there_is_none_of_a_parameter() -> None:
    params, state = _start(ENCODER, X)
    for x in X, BertInput(TOKENS):
        _, _, residuals = ENCODER.forward(params, state, x)
        dparams, _ = ENCODER.backward(params, residuals, None)  # pyright: ignore[reportArgumentType]
        assert jax.tree.leaves(dparams) == []


def test_the_gradient_of_pre_training_is_that_of_jax_grad() -> None:
    noisy = BertPreTrainingLoss(bert_pretraining(bert(11, 8, 8, 2, 2, rate=0.2, recompute="block")), LOSS.loss)
    with jax.enable_x64(True):
        assert_gradient_of_objective(noisy, (X, HiddenWords(ids(3, 2, below=5), ids(3, 2, below=11)), BATCH[2]))


def test_words_told_at_their_places_alone_give_the_same_loss_and_gradients() -> None:
    """In any order, with places at which nothing is hidden, one of them twice."""
    places = np.array([[4, 0, 1], [3, 3, 0], [2, 1, 0]])
    words = np.where(np.arange(3) < np.array([[2], [1], [0]]), np.take_along_axis(TOKENS, places, 1), -1)
    targets = np.full((3, 5), -1)
    targets[[0, 0, 1], [4, 0, 3]] = TOKENS[[0, 0, 1], [4, 0, 3]]
    params, state = _start(LOSS, BATCH)
    step, targets_of_two = bp.value_and_grad(LOSS), (targets, HiddenWords(places, words))
    both = jax.jit(
        lambda: [step(params, state, (X, each, BATCH[2])) for each in targets_of_two], compiler_options=QUICK
    )
    ((whole, _), expected), ((loss, _), gradient) = both()
    np.testing.assert_allclose(loss, whole, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), gradient, expected)
    program = str(jax.make_jaxpr(step)(params, state, (X, targets_of_two[1], BATCH[2])))
    assert "[9,11]" in program and "[15,11]" not in program  # logits of 3 places a text, of 5 nowhere


def test_the_loss_is_that_of_the_logits() -> None:
    params, state = _start(LOSS, BATCH)
    output, _, _ = LOSS.layer.forward(params, state, X)
    words, _, _ = CrossEntropy(ignore_index=-1).forward((), (), (output.words, TARGETS))
    follows, _, _ = CrossEntropy().forward((), (), (output.follows, BATCH[2]))
    np.testing.assert_allclose(LOSS.forward(params, state, BATCH)[0], words + follows, rtol=1e-5)


def test_what_is_behind_the_end_changes_nothing() -> None:
    params, state = _start(LOSS, BATCH)
    real = np.arange(5) < LENGTHS[:, None]
    targets = np.where(real, TARGETS, -1)
    changed = BertInput(np.where(real, TOKENS, 7), np.where(real, TYPES, 1), LENGTHS)
    masked = BertInput(TOKENS, TYPES, real)
    step = jax.jit(bp.value_and_grad(LOSS), compiler_options=QUICK)
    (loss, _), gradient = step(params, state, (X, targets, BATCH[2]))
    for other in changed, masked:
        (same, _), as_well = step(params, state, (other, targets, BATCH[2]))
        np.testing.assert_allclose(same, loss, rtol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), as_well, gradient)


def test_types_and_lengths_may_be_left_out() -> None:
    params, state = _start(ENCODER, X)
    short, _, _ = ENCODER.forward(params, state, BertInput(TOKENS))
    told, _, _ = ENCODER.forward(params, state, BertInput(TOKENS, 0 * TOKENS, np.array([5, 5, 5])))
    np.testing.assert_allclose(short, told, atol=1e-6)


def test_later_and_earlier_words_count_and_so_does_the_type() -> None:
    params, state = _start(ENCODER, X)
    y, _, _ = ENCODER.forward(params, state, BertInput(TOKENS, TYPES))
    for other in BertInput((TOKENS + 1) % 11, TYPES), BertInput(TOKENS, 1 - TYPES):
        one = jax.tree.map(lambda new, old: np.where(np.arange(5) == 2, new, old), other, BertInput(TOKENS, TYPES))
        assert (ENCODER.forward(params, state, one)[0] != y).any(-1).all()


def test_pre_trained_parts_go_into_a_classifier() -> None:
    model = bert_classifier(ENCODER, 3)
    pretrained, _ = _start(LOSS, BATCH)
    params, state = _start(model, X)
    shared = {name: pretrained[name] for name in ("bert", "pooler")}
    assert jax.tree.structure(params | shared) == jax.tree.structure(params)
    assert model.forward(params | shared, state, X)[0].shape == (3, 3)


def test_each_level_of_recomputation_saves_less() -> None:
    x = BertInput(ids(4, 64, below=11))
    saved = [bp.residual_bytes(bert(11, 64, 32, 4, 4, recompute=level), x) for level in ("none", "norms", "block")]
    assert saved[0] > saved[1] > 2 * saved[2]


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (TOKENS, r"Bert takes BertInput\(tokens, token_types, lengths\), not int"),
        (BertInput(TOKENS[0]), r"Bert needs integer tokens \(B, T\), not int32\[5\]"),
        (BertInput(normal(3, 5)), "Bert needs integer tokens"),
        (BertInput(TOKENS, TYPES[:, :4]), r"token_types of the shape \[3, 5\] of the tokens, not int32\[3, 4\]"),
        (BertInput(TOKENS, TYPES, LENGTHS[:2]), "2 lengths for the 3 sequences"),
        (BertInput(ids(1, 9, below=11)), "has places for 8 steps"),
    ],
)
def test_bad_input_is_refused(x: Any, error: str) -> None:
    params, state = _start(ENCODER, X)
    with pytest.raises(ValueError, match=error):
        ENCODER.forward(params, state, x)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="8 features cannot be divided among 3 heads"):
        bert(11, 8, 8, 2, 3)
    with pytest.raises(ValueError, match="TokenTypes needs 1 type or more"):
        bert(11, token_types=0)
    with pytest.raises(ValueError, match="needs a loss with use_bias and without accuracy"):
        BertPreTrainingLoss(LOSS.layer, LinearCrossEntropy(11))
    with pytest.raises(ValueError, match="needs the mean or the sum, not LinearCrossEntropy"):
        BertPreTrainingLoss(LOSS.layer, LinearCrossEntropy(11, use_bias=True, reduction="none"))
    with pytest.raises(ValueError, match="needs the mean or the sum, not CrossEntropy"):
        BertPreTrainingLoss(LOSS.layer, LOSS.loss, CrossEntropy(reduction="none"))
    with pytest.raises(TypeError, match=r"needs what models\.bert_pretraining makes, not Bert\("):
        BertPreTrainingLoss(ENCODER, LOSS.loss)  # pyright: ignore[reportArgumentType]
    for places in (TOKENS[:2], TOKENS[0], TOKENS * 0.5):
        with pytest.raises(ValueError, match=r"StepsAt\(\) of x \[3, 5, 8\] needs integer places \(B, P\), not"):
            StepsAt().forward((), (), (jnp.zeros((3, 5, 8)), places))
    with pytest.raises(ValueError, match="sequences of 1 step or more"):
        FirstStep().forward((), (), jnp.zeros((2, 0, 3)))


STARTS: dict[bp.Layer, Any] = {}


def _start(model: bp.Layer, x: Any) -> Any:
    """Parameters and state, made once for all tests."""
    if model not in STARTS:
        STARTS[model] = jax.jit(model.init, compiler_options=QUICK)(jax.random.key(0), x)
    return STARTS[model]
