"""Curvature of every model of the library by one call, from the sample to the step: traced, for there are many."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import harvest
from backprop_jax.losses import CrossEntropy
from tests.some_models import SOME_MODELS
from tests.test_catalogue import MODELS

FACTORED = {"lenet": 5, "gpt": 4, "LanguageModelLoss": 4, "EncoderDecoderLoss": 11, "sentiment_classifier": 5}


@pytest.mark.parametrize("name", SOME_MODELS)
def test_kfac_takes_every_model(name: str) -> None:
    model, x = MODELS[name]
    model, key = bp.eval_mode(model), jax.random.key(0)
    if name.endswith("Loss"):
        objective, batch = model, x
    else:
        y = jax.eval_shape(lambda key: model.forward(*model.init(key, x), x)[0], key)
        objective, batch = bp.supervised(model, CrossEntropy()), (x, np.zeros(y.shape[:-1], np.int32))
    kfac = harvest.scale_by_kfac(harvest.kronecker_layout(objective, batch))
    names = [name for block in kfac.layout for name in block.names]

    def step(key: jax.Array) -> tuple:
        params, state = objective.init(key, batch)
        curvature = harvest.kronecker_factors(objective)(params, state, batch, key)[1]
        updates, after = kfac.update(params, kfac.init(params), curvature=curvature)
        product = harvest.fisher_product(objective)(params, state, batch)(params) if objective is model else params
        return params, updates, product, after

    params, updates, product, after = jax.eval_shape(step, key)
    like = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (params, params))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (updates, product)) == like
    paths = [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, _ in jax.tree_util.tree_leaves_with_path(params)
    ]
    assert sorted(names) == sorted(paths)
    factored = sum(isinstance(block, harvest.Kronecker) for block in after.curvature)
    assert factored == FACTORED.get(name, factored)
