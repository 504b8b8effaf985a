"""The diagonal of the Gauss-Newton matrix, and of the empirical Fisher matrix."""

from typing import Any

import jax

from backprop_jax.core.cotangents import instantiate
from backprop_jax.core.example_gradients import is_gradients
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.curvature.columns import Harvest, harvest_columns

__all__ = ["curvature_diagonal", "square_sums"]


def curvature_diagonal(objective: Layer, how: str = "sampled", samples: int = 1) -> Harvest:
    """The function `(params, state, batch, key=None) -> ((value, new_state), diagonal)`, a tree like the parameters.

    With J_i the derivative of example i's prediction by the parameters and H_i = S_i S_iᵀ the Fisher matrix by it of
    what the mean loss is the negative log-likelihood of, S_i having a column s_ik for each of its numbers:

        "exact"      diag(Σ_i J_iᵀ H_i J_i) = Σ_ik (J_iᵀ s_ik)²      one backward a column, all at once
        "sampled"    the same with a random s_i in place of them, E[s_i s_iᵀ] = H_i: one backward a sample, with a key
        "empirical"  Σ_i g_i² / B of the gradients g_i of the examples' own losses: any objective, one backward

    Of CrossEntropy, LinearCrossEntropy, BinaryCrossEntropy and MeanSquaredError H_i is the Hessian, so that this is the
    diagonal of the Gauss-Newton matrix; what it is of others `fisher_product` tells. CTC has samples only. No example's
    gradient is formed where the square has a form of its own: (x²)ᵀ(dy²) for Dense.

    Raises:   ValueError if how is unknown, samples is less than 1, a key is missing or a layer mixes examples. But with
              "empirical", if the objective is neither `supervised` nor ends with `LinearCrossEntropy`, as the models'
              own do, its loss is no likelihood or has a z_loss. With "empirical" if an example's own loss cannot be
              told, as in `example_gradients`. In a `shard_map`, which has a device's own examples, if it checks what
              varies and there are many columns.
    Source:   Dangel, Kunstner & Hennig, 2020, arXiv:1912.10985; Martens, 2014, arXiv:1412.1193.
    """
    harvest = harvest_columns(objective, how, samples, square_sums, "curvature_diagonal")

    def diagonal(
        params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None = None
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        result, squares = harvest(params, state, batch, key)
        return result, instantiate(squares, params)

    return diagonal


def square_sums(gradients: PyTree, columns: str | None) -> PyTree:
    """Σ g_i² in place of the `ExampleGradients` of each parameter."""

    def squares(own: Any) -> Any:
        return own.on_each_layer(lambda part: part.square_sum(columns)) if is_gradients(own) else own

    return jax.tree.map(squares, gradients, is_leaf=is_gradients)
