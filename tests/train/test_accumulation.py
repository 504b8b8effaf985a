"""A batch in parts has the loss and the gradient of the whole, whatever its mask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, models, optim, train
from tests.temporary_memory import temporary_bytes

RANDOM = np.random.default_rng(0)
B, T, D, V = 8, 3, 4, 5


def assert_trees_close(actual, expected, tolerance: float = 1e-6) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), actual, expected)


def tokens() -> np.ndarray:
    """Labels of which part 1 of 4, rows 1 and 5, has none that counts, part 2 one, and part 3 all."""
    labels = RANDOM.integers(0, V, (B, T))
    labels[1::4] = -1
    labels[2::4] = -1
    labels[6, 1] = 3
    labels[0, 2] = -1
    return labels


MASKED = bp.supervised(bp.Dense(V), losses.CrossEntropy(ignore_index=-1, class_weights=(1.0, 2.0, 0.5, 3.0, 1.0)))
LANGUAGE = models.LanguageModelLoss(
    models.LanguageModel(bp.Embedding(V, D), bp.Dense(D)), losses.LinearCrossEntropy(V, ignore_index=-1)
)
X = RANDOM.normal(size=(B, T, D)).astype(np.float32)
WEIGHTS = RANDOM.uniform(size=(B, T)).astype(np.float32) * (np.arange(B) % 4 != 2)[:, None]


@pytest.mark.parametrize(
    ("objective", "batch"),
    [
        (MASKED, (X, tokens())),
        (MASKED, (X, np.full((B, T), -1))),
        (LANGUAGE, (RANDOM.integers(0, V, (B, T)), tokens(), WEIGHTS)),
        (bp.supervised(bp.Dense(2), losses.MeanSquaredError()), (X, -RANDOM.integers(0, 9, (B, T, 2)))),
        (bp.supervised(bp.Dense(2), losses.Huber(reduction="sum")), (X, RANDOM.normal(size=(B, T, 2)))),
    ],
    ids=["classes", "nothing counts", "words with weights", "rows", "sum"],
)
def test_loss_and_gradient_are_those_of_the_whole_batch(objective, batch) -> None:
    params, state = objective.init(jax.random.key(0), batch)
    both = [bp.value_and_grad(objective), train.accumulated_value_and_grad(4)(objective)]
    whole, in_parts = jax.jit(lambda *given: [function(*given) for function in both])(params, state, batch)
    assert_trees_close(in_parts, whole)
    assert (whole[0][0] == 0) == ((batch[1] == -1).all() and objective is MASKED)


def test_a_step_takes_parts_by_a_weight_of_ones_own_where_a_mean_of_nothing_is_not_a_number() -> None:
    def masked_mean(prediction_and_target):
        prediction, target = prediction_and_target
        counts = target >= 0
        return jnp.sum(jnp.where(counts, (prediction[..., 0] - target) ** 2, 0)) / counts.sum()

    objective = bp.chain(bp.first(bp.Dense(1)), bp.from_function(masked_mean))
    batch = X, tokens()
    differentiate = train.accumulated_value_and_grad(4, weight=_real_tokens)
    with pytest.raises(ValueError, match="give it weight="):
        train.accumulated_value_and_grad(4)(objective)
    params, state = objective.init(jax.random.key(0), batch)
    (loss, _), gradient = jax.jit(bp.value_and_grad(objective))(params, state, batch)
    training = train.Training(params, state, optim.sgd(1.0).init(params))
    expected = jax.tree.map(lambda param, slope: np.asarray(param - slope), params, gradient)
    training, loss_in_parts = train.make_step(objective, optim.sgd(1.0), differentiate=differentiate)(training, batch)
    assert_trees_close(training.params, expected, 1e-5)
    assert loss_in_parts == pytest.approx(float(loss), rel=1e-6)


def _real_tokens(batch):
    return (batch[1] >= 0).sum()


def test_state_goes_on_from_part_to_part() -> None:
    model = bp.chain(bp.Dense(6), bp.BatchNorm(), bp.Dropout(0.5), bp.Dense(V))
    objective = bp.supervised(model, losses.CrossEntropy())
    batch = X[:, 0], RANDOM.integers(0, V, B)
    params, state = objective.init(jax.random.key(0), batch)
    found = jax.jit(train.accumulated_value_and_grad(2)(objective))(params, state, batch)
    part = jax.jit(bp.value_and_grad(objective))
    (first_loss, state), first = part(params, state, jax.tree.map(lambda leaf: leaf[0::2], batch))
    (second_loss, state), second = part(params, state, jax.tree.map(lambda leaf: leaf[1::2], batch))
    (loss, new_state), gradient = found
    assert loss == pytest.approx(float(first_loss + second_loss) / 2, rel=1e-6)
    assert_trees_close(gradient, jax.tree.map(lambda a, b: (a + b) / 2, first, second))
    assert bool(new_state[2] == state[2])
    assert_trees_close(new_state[1], state[1])


def test_gradients_in_bfloat16_are_summed_in_float32() -> None:
    """Each of 1,024 parts adds 2 / 1,024; in bfloat16 a sum of such terms ends at a quarter of what it should be."""
    objective = bp.supervised(bp.Dense(1, use_bias=False), losses.MeanSquaredError())
    batch = jnp.ones((1024, 1), jnp.bfloat16), jnp.zeros((1024, 1))
    params = {"w": jnp.ones((1, 1), jnp.bfloat16)}
    (loss, _), gradient = jax.jit(train.accumulated_value_and_grad(1024)(objective))(params, (), batch)
    assert loss == 1 and gradient["w"] == 2 and gradient["w"].dtype == jnp.bfloat16


def test_the_memory_is_that_of_a_part() -> None:
    objective = bp.supervised(bp.chain(bp.Dense(64), bp.GELU(), bp.Dense(V)), losses.CrossEntropy())
    batch = jax.ShapeDtypeStruct((4096, 16), np.float32), jax.ShapeDtypeStruct((4096,), np.int32)
    params, state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    whole, in_parts = (
        temporary_bytes(jax.jit(function(objective)).lower(params, state, batch))
        for function in (bp.value_and_grad, train.accumulated_value_and_grad(16))
    )
    assert in_parts < whole / 8


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="1 part or more, not 0"):
        train.accumulated_value_and_grad(0)
    with pytest.raises(TypeError, match="function of a batch, not 3"):
        train.accumulated_value_and_grad(2, weight=3)  # type: ignore[arg-type]
    params, state = MASKED.init(jax.random.key(0), (X, tokens()))
    with pytest.raises(ValueError, match="no 3 equal parts: choose a batch size"):
        train.accumulated_value_and_grad(3)(MASKED)(params, state, (X, tokens()))
    assert train.accumulated_value_and_grad(2) == train.accumulated_value_and_grad(2)
    assert hash(train.accumulated_value_and_grad(2)) == hash(train.accumulated_value_and_grad(2))
