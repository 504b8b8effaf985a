import jax
import numpy as np

import backprop_jax as bp
from backprop_jax.data import bucket_batches
from backprop_jax.models import sequence_tagger
from backprop_jax.testing.cases import QUICK
from tests.models.gradients import assert_gradient_of_objective


def test_it_learns_what_the_neighbours_on_both_sides_tell() -> None:
    """The tag of a token is 1 between two zeros; the tokens that fill up are zeros too."""
    rng = np.random.default_rng(0)
    texts = [(rng.random(rng.integers(1, 9)) < 0.3).astype(int) for _ in range(320)]
    zeros = [np.concatenate([[False], text == 0, [False]]) for text in texts]
    tags = [(zero[:-2] & zero[2:]).astype(int) for zero in zeros]
    model = sequence_tagger(2, 2, width=4, features=8, rate=0.05)
    objective = bp.supervised(model, bp.losses.CrossEntropy(ignore_index=-1))
    optimizer = bp.optim.adam(2e-2)
    batches = [pair for epoch in range(12) for pair in bucket_batches(texts[80:], tags[80:], 32, epoch, [8])]
    training = bp.train.start(objective, optimizer, jax.random.key(0), (bp.Padded(*batches[0][0]), batches[0][1]))
    step = bp.train.make_step(objective, optimizer)
    for sequences, target in batches:
        training, _ = step(training, (bp.Padded(*sequences), target))
    (sequences, target), *_ = bucket_batches(texts[:80], tags[:80], 80, boundaries=[8])
    logits = bp.train.make_evaluation(model)(*training[:2], bp.Padded(*sequences))
    assert logits.shape == (80, 8, 2)
    right = (np.asarray(logits).argmax(-1) == target)[target >= 0]
    assert right.mean() > 0.95
    assert np.mean(target[target >= 0]) > 0.15  # so a 0 every time is not that good


def test_gradient_and_what_fills_up_has_none() -> None:
    objective = bp.supervised(sequence_tagger(7, 3, width=2, features=4), bp.losses.CrossEntropy(ignore_index=-1))
    tokens, tags = np.array([[3, 1, 4, 1], [5, 2, 6, 6]]), np.array([[0, 1, 2, 0], [1, -1, -1, -1]])
    batch = bp.Padded(tokens, np.array([4, 1])), tags
    assert_gradient_of_objective(objective, batch)
    quick = lambda function: jax.jit(function, compiler_options=QUICK)
    _, gradient = quick(bp.value_and_grad(objective))(*quick(objective.init)(jax.random.key(0), batch), batch)
    table = np.asarray(gradient["embedding"]["table"])
    assert (table[[1, 3, 4, 5]] != 0).all()
    assert (table[[2, 6]] == 0).all()
