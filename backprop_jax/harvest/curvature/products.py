"""Products of the curvature with a vector, without the matrix."""

from collections.abc import Callable
from operator import itemgetter

import jax
import jax.numpy as jnp

from backprop_jax.core.cotangents import cast_like, instantiate, is_differentiable, match_vma
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised, value_and_grad
from backprop_jax.core.varying import vary_like
from backprop_jax.harvest.curvature.loss_roots import loss_gradient
from backprop_jax.harvest.curvature.told_apart import ToldApart, told_apart
from backprop_jax.harvest.norms import weighted_sum
from backprop_jax.harvest.per_example import example_gradients

__all__ = ["Product", "fisher_product", "gauss_newton_product", "hessian_product"]

Product = Callable[[PyTree], PyTree]  # of a vector in the form of the parameters: another
ProductAt = Callable[[PyTree, PyTree, PyTree], Product]


def hessian_product(objective: Layer) -> ProductAt:
    """The function `(params, state, batch) -> (v -> H v)` with the Hessian H of the objective by its parameters.

    The derivative along v of our own gradient, by `jax.linearize`: forward mode over the hand-written backward.
    Source:   Pearlmutter, 1994, doi:10.1162/neco.1994.6.1.147.
    """

    def at(params: PyTree, state: PyTree, batch: PyTree) -> Product:
        gradient = lambda floats: value_and_grad(objective)(_fill(floats, params), state, batch)[1]
        _, product = jax.linearize(gradient, _floats(params))
        return lambda vector: product(_like(vector, params))

    return at


def gauss_newton_product(objective: Layer) -> ProductAt:
    """The function `(params, state, batch) -> (v -> G v)` with the Gauss-Newton matrix of `supervised(model, loss)`.

        G v = Jᵀ H_loss J v

    J is the derivative of the prediction by the parameters: J v by `jax.linearize` of forward, Jᵀ by our backward, the
    loss's Hessian between by forward mode over its backward. For a convex loss G has no negative eigenvalue. The mean
    over the examples is taken of a loss that has their axis. An objective that ends with `LinearCrossEntropy`, as
    `LanguageModelLoss`, is taken apart at its logits, which are formed a chunk of tokens at a time. In a `shard_map`
    a product is summed over the devices, as the gradient of `value_and_grad` is.

    Raises:   ValueError if the objective is neither, or has a z_loss.
    Source:   Schraudolph, 2002, doi:10.1162/08997660260028683; Martens, 2010 (Hessian-free optimization).
    """
    if not isinstance(objective, Supervised):
        return _through_the_root(told_apart(objective, "gauss_newton_product"))
    loss = objective.loss

    def bend_at(prediction: PyTree, batch: PyTree) -> Product:
        return jax.linearize(lambda prediction: loss_gradient(loss, prediction, batch[1]), prediction)[1]

    return _through(objective.layer, itemgetter(0), bend_at)


def fisher_product(objective: Layer, empirical: bool = False) -> ProductAt:
    """The function `(params, state, batch) -> (v -> F v)` with the Fisher matrix, or the empirical one.

        F = E[g gᵀ] over labels drawn from the model,   empirical:   F = Σ_i g_i g_iᵀ / B over the labels of the data

    The first is the Gauss-Newton matrix where the prediction is that of natural parameters: of `CrossEntropy`,
    `LinearCrossEntropy`, `BinaryCrossEntropy`, and `MeanSquaredError` with a normal distribution of variance 1/2.
    `MeanAbsoluteError` has Laplace's, `Huber` exp(-y) / Z, `KLDivergence` a class of the predicted chances. The second
    needs no Hessian and takes any objective whose examples can be told apart.

    Raises:   ValueError if the loss is another, or as `gauss_newton_product` and, if empirical, `example_gradients`.
    Source:   Martens, 2014, arXiv:1412.1193, section 9; Kunstner, Balles & Hennig, 2019, arXiv:1905.12558.
    """
    if not empirical:
        return _through_the_root(told_apart(objective, "fisher_product", "product"))
    gradients_of = example_gradients(objective)

    def at(params: PyTree, state: PyTree, batch: PyTree) -> Product:
        _, gradients = gradients_of(params, state, batch)
        count = jax.tree.leaves(batch)[0].shape[0]
        mean = lambda weights: instantiate(weighted_sum(gradients, weights), params)
        # The adjoint of a weighted sum is the inner products with what is summed.
        inner = jax.linear_transpose(mean, vary_like(jnp.zeros(count), gradients))
        of_parts = lambda vector: mean(inner(vary_like(_like(vector, params), gradients))[0] / count)
        return lambda vector: match_vma(of_parts(vector), params)

    return at


def _through_the_root(apart: ToldApart) -> ProductAt:
    return _through(apart.model, apart.inputs, lambda prediction, batch: apart.root(prediction, batch).product)


def _through(
    model: Layer, inputs_of: Callable[[PyTree], PyTree], bend_at: Callable[[PyTree, PyTree], Product]
) -> ProductAt:
    """v -> Jᵀ H J v with `bend_at(prediction, batch)` in place of H."""

    def at(params: PyTree, state: PyTree, batch: PyTree) -> Product:
        inputs = inputs_of(batch)
        prediction, _, residuals = model.forward(params, state, inputs)
        outputs = lambda floats: model.forward(_fill(floats, params), state, inputs)[0]
        _, push = jax.linearize(outputs, _floats(params))
        bend = bend_at(prediction, batch)

        def product(vector: PyTree) -> PyTree:
            dparams, _ = model.backward(params, residuals, bend(push(_like(vector, params))))
            return instantiate(match_vma(dparams, params), params)

        return product

    return at


def _floats(tree: PyTree) -> PyTree:
    """What has a derivative, None in place of the rest."""
    return jax.tree.map(lambda leaf: leaf if is_differentiable(leaf) else None, tree)


def _fill(floats: PyTree, params: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf, old: old if leaf is None else leaf, floats, params, is_leaf=lambda n: n is None)


def _like(vector: PyTree, params: PyTree) -> PyTree:
    """What has a derivative, in the dtypes of the parameters: a solver's vectors may be wider."""
    return _floats(cast_like(vector, params))
