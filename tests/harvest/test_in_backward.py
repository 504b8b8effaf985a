"""Gradients changed while they are made, against the definitions in NumPy."""

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import ReverseGradient, clip_layers, freeze, pcgrad, reconciled_value_and_grad
from backprop_jax.harvest.selecting import replace_selected

BODY = bp.chain(bp.Dense(5), bp.Tanh(), bp.Dense(4), bp.Tanh())
MODEL = bp.chain(body=BODY, head=bp.Dense(3))
RANDOM = np.random.default_rng(0)
BATCH = RANDOM.standard_normal((6, 4)).astype(np.float32), RANDOM.integers(0, 3, 6)


def _gradient(model: bp.Layer, begun):
    return jax.jit(bp.value_and_grad(bp.supervised(model, losses.CrossEntropy())))(*begun, BATCH)[1]


@pytest.fixture(scope="module")
def begun():
    return MODEL.init(jax.random.key(0), BATCH[0])


@pytest.fixture(scope="module")
def gradient(begun):
    return _gradient(MODEL, begun)


def _norm(tree) -> float:
    return float(np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(tree))))


def test_selected_layers_are_clipped_each_by_itself(begun, gradient) -> None:
    limit = _norm(gradient["body"][0]) / 2
    clipped = _gradient(clip_layers(MODEL, "body/*", limit), begun)
    for number in (0, 2):
        before = gradient["body"][number]
        factor = min(1, limit / _norm(before))
        jax.tree.map(
            lambda a, b, f=factor: np.testing.assert_allclose(a, f * b, rtol=1e-5), clipped["body"][number], before
        )
    jax.tree.map(np.testing.assert_array_equal, clipped["head"], gradient["head"])


def test_frozen_layers_have_no_gradient_and_cost_nothing(begun, gradient) -> None:
    frozen = freeze(MODEL, "body")
    found = _gradient(frozen, begun)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(found["body"]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found["head"], gradient["head"])

    def products(model: bp.Layer) -> int:
        lowered = jax.jit(bp.value_and_grad(bp.supervised(model, losses.CrossEntropy()))).lower(*begun, BATCH)
        return (lowered.compile().as_text() or "").count(" dot(")

    # Each of the three products of the forward pass has two in the backward pass, but the first, whose x is data, and
    # biases one: of the frozen ones only the forward is left.
    assert products(MODEL) - products(frozen) >= 5


@pytest.mark.parametrize("kind", [bp.Embedding, losses.LinearCrossEntropy])
def test_a_tied_table_is_refused(kind) -> None:
    objective = bp.models.LanguageModelLoss(bp.models.gpt(12, 8, 8, 1, 2), losses.LinearCrossEntropy(12))
    for change in (lambda: freeze(objective, kind), lambda: clip_layers(objective, kind, 1.0)):
        with pytest.raises(ValueError, match=rf"{kind.__name__} at '.*', whose parameters .* uses twice"):
            change()
    freeze(objective, bp.Dense)


def test_a_gradient_is_reversed(begun, gradient) -> None:
    reversed_model = bp.chain(body=BODY, turn=ReverseGradient(0.5), head=bp.Dense(3))
    params, state = begun
    found = _gradient(reversed_model, (params | {"turn": ()}, state | {"turn": ()}))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, -0.5 * b, rtol=1e-5), found["body"], gradient["body"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found["head"], gradient["head"])


def test_pcgrad_is_the_papers_algorithm() -> None:
    rows = np.random.default_rng(1).standard_normal((3, 5))
    assert (np.triu(rows @ rows.T, 1) < 0).any()

    def reconciled(orders) -> np.ndarray:
        total = np.zeros(5)
        for i, order in enumerate(orders):
            own = rows[i].copy()
            for j in order:
                if j != i and own @ rows[j] < 0:
                    own -= own @ rows[j] / (rows[j] @ rows[j]) * rows[j]
            total += own
        return total

    possible = [
        reconciled((a, b, c))
        for a in permutations(range(3))
        for b in permutations(range(3))
        for c in permutations(range(3))
    ]
    for seed in range(5):
        gradients = [{"a": jnp.asarray(row[:2]), "b": jnp.asarray(row[2:])} for row in rows]
        found = jax.jit(pcgrad)(gradients, jax.random.key(seed))
        flat = np.concatenate([found["a"], found["b"]])
        assert min(np.abs(flat - one).max() for one in possible) < 1e-5


def test_several_losses_of_one_model(begun) -> None:
    objectives = [
        bp.supervised(MODEL, losses.CrossEntropy()),
        bp.supervised(MODEL, losses.CrossEntropy(label_smoothing=0.5)),
    ]
    (values, _), found = jax.jit(reconciled_value_and_grad(objectives))(*begun, BATCH, jax.random.key(0))
    each = [jax.jit(bp.value_and_grad(objective))(*begun, BATCH) for objective in objectives]
    np.testing.assert_allclose(values, [one[0][0] for one in each], rtol=1e-6)
    expected = pcgrad([one[1] for one in each], jax.random.key(0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, expected)


def test_selectors() -> None:
    kinds = [type(part).__name__ for part in (bp.Dense(1), bp.Tanh())]
    for selector, count in (
        ("body/*", 4),
        (bp.Dense, 3),
        ((bp.Dense, bp.Tanh), 5),
        (lambda path, part: path == "head", 1),
    ):
        seen = []
        replace_selected(MODEL, selector, lambda part, seen=seen: seen.append(type(part).__name__) or part)
        assert len(seen) == count and set(seen) <= set(kinds)
    with pytest.raises(
        ValueError, match=r"'tail' selects no layer; there are body/0: Dense, .*head: Dense, \(the whole\): Chain"
    ):
        freeze(MODEL, "tail")


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="max_norm above 0, not 0"):
        clip_layers(MODEL, bp.Dense, 0)
    with pytest.raises(ValueError, match="scale of 0 or more, not -1"):
        ReverseGradient(-1)
    with pytest.raises(ValueError, match="one gradient or more"):
        pcgrad([], jax.random.key(0))
