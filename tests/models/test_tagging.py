import jax
import numpy as np

import backprop_jax as bp
from backprop_jax.data import bucket_batches
from backprop_jax.models import sequence_tagger


def test_it_learns_what_the_neighbours_on_both_sides_tell() -> None:
    """The tag of a token is 1 where the tokens beside it are the same; those that fill up have none."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 3, rng.integers(1, 9)) for _ in range(400)]
    tags = [np.array([i not in (0, len(t) - 1) and t[i - 1] == t[i + 1] for i in range(len(t))], int) for t in texts]
    model = sequence_tagger(3, 2, width=4, features=16, rate=0.05)
    objective = bp.supervised(model, bp.losses.CrossEntropy(ignore_index=-1))
    batches = [
        (bp.Padded(*x), y) for epoch in range(16) for x, y in bucket_batches(texts[80:], tags[80:], 32, epoch, [8])
    ]
    training = bp.train.start(objective, bp.optim.adam(2e-2), jax.random.key(0), batches[0])
    step = bp.train.make_step(objective, bp.optim.adam(2e-2))
    for batch in batches:
        training, _ = step(training, batch)
    ((tokens, lengths), y), *_ = bucket_batches(texts[:80], tags[:80], 80, boundaries=[8])
    logits = bp.train.make_evaluation(model)(*training[:2], bp.Padded(tokens, lengths))
    assert logits.shape == (80, 8, 2)
    right = (np.asarray(logits).argmax(-1) == y)[y >= 0]
    assert right.mean() > 0.95 > 0.75 > 1 - np.mean(y[y >= 0])


def test_gradient_is_that_of_jax_grad_and_stops_at_the_end() -> None:
    objective = bp.supervised(sequence_tagger(7, 3, width=2, features=4, rate=0.5), bp.losses.CrossEntropy(0, None, -1))
    tokens, tags = np.array([[3, 1, 4, 1], [5, 2, 6, 6]]), np.array([[0, 1, 2, 0], [1, -1, -1, -1]])
    batch = bp.Padded(tokens, np.array([4, 1])), tags
    with jax.enable_x64(True):
        params, state = jax.jit(objective.init)(jax.random.key(0), batch)
        params = jax.tree.map(lambda leaf: leaf.astype(float), params)
        _, by_hand = jax.jit(bp.value_and_grad(objective))(params, state, batch)
        expected = jax.jit(jax.grad(lambda params: objective.forward(params, state, batch)[0]))(params)
    assert jax.tree.structure(by_hand) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(by_hand), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)
    assert (by_hand["embedding"]["table"][[2, 6]] == 0).all()  # tokens that fill up
    assert (by_hand["embedding"]["table"][[3, 5]] != 0).any()
