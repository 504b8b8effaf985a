"""Every harvest works on every model of the library by one call: traced, not compiled, for there are many.

What a model cannot have is refused by name, before anything is computed.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.layer import PyTree
from backprop_jax.core.rewrite import layers_of, rewrite_with_path
from backprop_jax.harvest import (
    OneBit,
    RandomK,
    clip_layers,
    compress_layers,
    freeze,
    fused_update,
    gradient_statistics,
    hardest_examples,
    noise_layers,
    private_value_and_grad,
    replace_selected,
)
from backprop_jax.harvest.local import (
    EvolutionStrategies,
    ForwardGradient,
    Keyed,
    PredictiveCoding,
    forward_forward,
    synthetic_gradients,
    target_propagation,
)
from backprop_jax.harvest.residuals import few_bits, quantized
from backprop_jax.harvest.rules import FeedbackAlignment, WeightMirror, direct_feedback
from backprop_jax.harvest.walkthrough import walk
from backprop_jax.layers import GELU, ReLU, SiLU
from tests.some_models import SOME_MODELS
from tests.test_catalogue import MODELS

KEY = jax.ShapeDtypeStruct((), jax.random.key(0).dtype)


def _of_each(y: PyTree) -> jax.Array:
    """A number an example: what stands for a loss."""
    leaves = [leaf for leaf in jax.tree.leaves(y) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return sum((jnp.sum(leaf.astype(jnp.float32).reshape(len(leaf), -1), 1) for leaf in leaves), jnp.zeros(()))


def _one_number(y: PyTree) -> jax.Array:
    return jnp.mean(_of_each(y))


def _objective(name: str, number: Any = _one_number) -> tuple[bp.Layer, PyTree, PyTree, PyTree]:
    """And shapes of its parameters and state, and its batch."""
    model, x = MODELS[name]
    objective = model if name.endswith("Loss") else bp.chain(model, bp.from_function(number))
    return objective, *jax.eval_shape(objective.init, jax.random.key(0), x), x


def _types(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def _weighted(model: bp.Layer) -> type[bp.Layer]:
    """A kind of layer that the model has."""
    return next(kind for kind in (bp.Dense, bp.Conv, bp.Embedding) if layers_of(model, kind))


@pytest.mark.parametrize("name", SOME_MODELS)
def test_rewrites_and_the_fused_update(name: str) -> None:
    objective, *_, x = _objective(name)
    kind = _weighted(objective)
    if any(layers_of(objective, activation) for activation in (ReLU, GELU, SiLU)):
        objective = few_bits(objective)
    else:
        with pytest.raises(ValueError, match="selects no layer"):
            few_bits(objective)
    objective = replace_selected(objective, kind, quantized)
    for linear, rule in ((bp.Dense, FeedbackAlignment), (bp.Conv, WeightMirror)):
        if layers_of(objective, linear):
            objective = replace_selected(objective, linear, rule)
    objective = clip_layers(compress_layers(objective, kind, OneBit()), kind, 1.0)
    objective = noise_layers(compress_layers(objective, kind, RandomK(0.1)), kind, 0.1)
    objective = freeze(objective, kind)
    step = fused_update(objective, optim.sgd(0.1))
    params, state = jax.eval_shape(objective.init, jax.random.key(0), x)
    training = jax.eval_shape(step.start, params, state)
    after, value = jax.eval_shape(step, training, x)
    assert value.shape == () and _types(after) == _types(training)


@pytest.mark.parametrize("name", SOME_MODELS)
def test_gradients_of_examples(name: str) -> None:
    """Private, and all that is told of them; a model that mixes its examples in training is refused by name."""
    objective, params, state, x = _objective(name, _of_each)
    if any(part.mixes_examples for part in layers_of(objective, bp.Layer)):
        with pytest.raises(ValueError, match=r"BatchNorm\(.*\) at '.*'.*eval_mode"):
            private_value_and_grad(objective, 1.0, 1.0)
        objective = bp.eval_mode(objective)

    def told(params: PyTree, state: PyTree, x: PyTree, key: jax.Array) -> tuple[PyTree, ...]:
        (_, after), gradient = private_value_and_grad(objective, 1.0, 1.0)(params, state, x, key)
        _, statistics = gradient_statistics(objective)(params, state, x)
        _, hard = hardest_examples(objective, "alignment")(params, state, x)
        return after, gradient, statistics, hard

    count = len(jax.tree.leaves(x)[0])
    after, gradient, statistics, hard = jax.eval_shape(told, params, state, x, KEY)
    assert _types(after) == _types(state) and _types(gradient) == _types(params)
    assert statistics.norms.shape == hard.order.shape == hard.alignments.shape == (count,)
    assert name.endswith("Loss") or hard.losses.shape == (count,)


def test_every_part_is_frozen_by_its_path() -> None:
    """Or, where a table has two uses or another layer reads it, refused by name. Nothing is traced."""
    refused = set()
    for name, (model, _) in MODELS.items():
        paths = {"*"}
        rewrite_with_path(model, lambda path, part, paths=paths: paths.add(path.split("/")[0]) or part)
        for path in paths:
            try:
                freeze(model, path)
            except ValueError as error:
                assert f"freeze cannot take {type(model).__name__}" not in str(error), name
                assert f"at {path!r}" in str(error), name
                refused.add(path)
    assert refused == {"embedding", "source_embedding", "bert", "follows", "loss"}


def _zeros(tree: PyTree) -> PyTree:
    def zeros(leaf: jax.ShapeDtypeStruct) -> jax.Array | np.ndarray:
        if leaf.dtype == KEY.dtype:
            return jax.random.wrap_key_data(jnp.zeros((*leaf.shape, 2), jnp.uint32))
        return np.zeros(leaf.shape, leaf.dtype)

    return jax.tree.map(zeros, tree)


@pytest.mark.parametrize("name", SOME_MODELS)
def test_explanations(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the numbers."""

    monkeypatch.setattr(walk, "_computed", lambda fn, *arguments: _zeros(jax.eval_shape(fn, *arguments)))
    monkeypatch.setattr(walk, "_from_jax_grad", lambda *_: {})
    objective, params, state, x = _objective(name)
    found = bp.explain(objective, _zeros(params), _zeros(state), x)
    paths = [own.path for layer in found.layers for own in layer.parameters]
    leaves = jax.tree_util.tree_leaves_with_path(params)
    assert sorted(paths) == sorted(jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves)
    assert all(layer.output is not None for layer in found.layers if layer.path)  # but of what the model itself opens
    assert all(layer.path in str(found) for layer in found.layers)


@pytest.mark.parametrize("name", SOME_MODELS)
def test_rules_for_chains(name: str) -> None:
    """Each teaches every model that is a chain of layers with one output each, and refuses the others by name."""
    model, x = MODELS[name]
    if not isinstance(model, Chain):
        for rule in (direct_feedback, synthetic_gradients, target_propagation):
            with pytest.raises(ValueError, match=f"{rule.__name__} takes a chain of two layers or more, not"):
                rule(model)
        with pytest.raises(ValueError, match="forward_forward takes a chain of one layer or more, not"):
            forward_forward(model, 3)
        return
    count = len(model.children.layers)
    taught = [
        direct_feedback(model),
        synthetic_gradients(model, *[bp.Identity()] * (count - 1)),
        *([target_propagation(model)] if count == 2 else []),  # inverses are of one's own
    ]
    loss = bp.from_function(lambda pair: _one_number(pair[0]))
    objectives = [bp.supervised(one, loss) for one in taught]
    batch = x, jax.ShapeDtypeStruct((), jnp.float32)

    def step(objective: bp.Layer, rule: Any) -> PyTree:
        params, state = jax.eval_shape(objective.init, jax.random.key(0), batch)
        return _types(jax.eval_shape(rule(objective), params, state, batch)[1]), _types(params)

    def all_steps() -> None:
        for objective in objectives:
            gradient, params = step(objective, bp.value_and_grad)
            assert gradient == params
        gradient, params = step(bp.supervised(model, loss), PredictiveCoding(1))
        assert gradient == params

    if isinstance(x, bp.Padded):
        with pytest.raises(ValueError, match=r"takes layers that give one array each, and \w+\(.* gives \w+"):
            all_steps()
    else:
        all_steps()


@pytest.mark.parametrize("name", ["lenet", "sentiment_classifier", "LanguageModelLoss"])
@pytest.mark.parametrize("rule", [ForwardGradient(), EvolutionStrategies(1)], ids=["forward", "evolution"])
def test_rules_for_any_model(name: str, rule: ForwardGradient | EvolutionStrategies) -> None:
    """They see but the loss, and jax's own derivative of it: a model of each family."""
    objective, *_, x = _objective(name)
    objective = Keyed(objective)
    params, state = jax.eval_shape(objective.init, jax.random.key(0), x)
    (value, after), gradient = jax.eval_shape(rule(objective), params, state, x)
    assert value.shape == () and _types(after) == _types(state) and _types(gradient) == _types(params)
