"""In a `shard_map` curvature is that of a device's own examples, and products are summed over the devices."""

from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

import backprop_jax as bp
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.curvature import (
    curvature_diagonal,
    fisher_product,
    gauss_newton_product,
    hessian_product,
    kronecker_factors,
)
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.models import LanguageModel, LanguageModelLoss

KEY = jax.random.key(0)
CONV = bp.supervised(bp.chain(bp.Conv(2, (2, 2)), bp.Flatten(), bp.Dense(3)), CrossEntropy())
IMAGES = np.ones((2, 3, 3, 1), np.float32), np.array([0, 1])
WORDS = LanguageModelLoss(LanguageModel(bp.Embedding(5, 3), bp.Tanh()), LinearCrossEntropy(5, chunk_size=4))
TOKENS = np.array([[0, 1, 2], [3, 4, 1]]), np.array([[0, 1, 2], [3, 4, 1]])


def _trace(run: Any, objective: Layer, batch: PyTree, out: P, check: bool = True) -> None:
    """Only this: what varies is a matter of types, and is told wrong before anything is compiled."""
    params, state = jax.eval_shape(objective.init, KEY, batch)
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    specs = P(), P(), P("data")
    jax.eval_shape(jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=out, check_vma=check), params, state, batch)


@pytest.mark.parametrize(("objective", "batch"), [(CONV, IMAGES), (WORDS, TOKENS)], ids=["conv", "words"])
def test_loops_begin_with_what_varies_as_their_results(objective: Layer, batch: PyTree) -> None:
    def blocks(params: PyTree, state: PyTree, batch: PyTree) -> PyTree:
        makers = curvature_diagonal, kronecker_factors
        return [make(objective)(params, state, batch, KEY)[1] for make in makers]

    def products(params: PyTree, state: PyTree, batch: PyTree) -> PyTree:
        makers = gauss_newton_product, fisher_product, hessian_product
        return [make(objective)(params, state, batch)(params) for make in makers]

    _trace(blocks, objective, batch, P("data"))
    _trace(products, objective, batch, P())


def test_of_the_data_are_those_of_each_device() -> None:
    def run(params: PyTree, state: PyTree, batch: PyTree) -> PyTree:
        return fisher_product(CONV, empirical=True)(params, state, batch)(params)

    _trace(run, CONV, IMAGES, P())


def test_many_columns_are_refused_by_name() -> None:
    def run(params: PyTree, state: PyTree, batch: PyTree) -> PyTree:
        return curvature_diagonal(CONV, "exact")(params, state, batch)[1]

    with pytest.raises(ValueError, match=r"curvature_diagonal sums over many columns .* use check_vma=False"):
        _trace(run, CONV, IMAGES, P("data"))
    _trace(run, CONV, IMAGES, P("data"), check=False)
