"""The gradients of single examples, from one backward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.combinators import with_backward
from backprop_jax.core.checks import require_layer
from backprop_jax.core.example_gradients import BackwardPerExample, Each, PerExampleForm, is_gradients
from backprop_jax.core.keys import has_keys
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.paths import path_name
from backprop_jax.core.rewrite import rewrite_leaves, rewrite_with_path
from backprop_jax.losses import CrossEntropy

__all__ = ["OneByOne", "example_gradients", "per_example"]


def per_example(layer: Layer) -> Layer:
    """The layer whose backward stops before the sums over the examples of a batch.

    Where `layer.backward` gives a parameter's gradient, that of the new layer gives `ExampleGradients`, of which norms,
    inner products and weighted sums are told without forming B gradients. A layer that has no rule for this
    (`BackwardPerExample`) runs its own for each example by itself. The first axis of every input is the examples'. A
    function or layer of one's own that mixes them has to say so (`mixes_examples`): it cannot be seen.

    Raises:   ValueError if a layer mixes examples (a batch norm in training) or draws at random and has no rule.
    """
    require_layer("per_example", layer)
    rewrite_with_path(layer, _refuse_mixing)
    return rewrite_leaves(layer, _leaf)


def example_gradients(objective: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[tuple[jax.Array, PyTree], PyTree]]:
    """The function `(params, state, batch) -> ((value, new_state), gradients)` with the `ExampleGradients` of the loss.

    They are the gradients of each example's own loss. An objective whose output has the axis of examples (a loss with
    `reduction="none"`) gives that loss, summed over further axes; a scalar is taken for the mean over the examples.

    Raises:   ValueError as `per_example`, and for a loss that is a sum, or the mean of what counts in the whole batch.
    """
    layer = per_example(objective)
    rewrite_with_path(objective, _refuse_reduction)

    def gradients(params: PyTree, state: PyTree, batch: PyTree) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        value, new_state, residuals = layer.forward(params, state, batch)
        count = jax.tree.leaves(batch)[0].shape[0]
        dy = jnp.full(value.shape, count if value.ndim == 0 else 1, value.dtype)
        dparams, _ = layer.backward(params, residuals, dy)
        for path, own in jax.tree_util.tree_leaves_with_path(dparams, is_leaf=is_gradients):
            if own.examples != count:
                raise ValueError(
                    f"the parameter at {path_name(path)} sees {own.examples} "
                    f"examples where the batch has {count}: the first axis must stay that of the examples"
                )
        return (value, new_state), dparams

    return gradients


@dataclass(frozen=True)
class OneByOne(Layer):
    """A layer whose examples go back one by one.

        y = f(x)

    Params, state: those of f.   Saves: x and the state before the call.
    Backward: f forward and back again for each example, all at once by `jax.vmap`.
    Raises:   ValueError if f has parameters and draws at random, for alone an example would draw otherwise.
    """

    layer: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, new_state, residuals = self.layer.forward(params, state, x)
        if not jax.tree.leaves(params):
            return y, new_state, residuals
        if has_keys(state):
            raise ValueError(
                f"{self.layer} draws at random, so an example alone would draw otherwise than in its batch: give it a "
                "rate of 0, or a rule `backward_per_example`"
            )
        return y, new_state, (state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        if not jax.tree.leaves(params):
            return self.layer.backward(params, residuals, dy)
        state, x = residuals

        def alone(x: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
            x, dy = (jax.tree.map(lambda leaf: leaf[None], tree) for tree in (x, dy))
            _, _, own = self.layer.forward(params, state, x)
            dparams, dx = self.layer.backward(params, own, dy)
            return dparams, jax.tree.map(lambda leaf: leaf[0], dx)

        dparams, dx = jax.vmap(alone)(x, dy)
        return jax.tree.map(lambda values: Each.of(values, values.dtype), dparams), dx


def _leaf(path: str, layer: Layer) -> Layer:
    form = layer.per_example_form() if isinstance(layer, PerExampleForm) else layer
    return with_backward(form, _rule) if isinstance(form, BackwardPerExample) else OneByOne(layer)


def _rule(layer: Any, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    return layer.backward_per_example(params, residuals, dy)


def _refuse_reduction(path: str, layer: Layer) -> Layer:
    reduction = getattr(layer, "reduction", None)
    counts = isinstance(layer, CrossEntropy) and (layer.ignore_index is not None or layer.class_weights is not None)
    if reduction == "sum" or (reduction == "mean" and counts):
        what = "is a sum" if reduction == "sum" else "divides by what counts in the whole batch"
        raise ValueError(f'{layer} {what}, so an example\'s own loss cannot be told from it: use reduction="none"')
    return layer


def _refuse_mixing(path: str, layer: Layer) -> Layer:
    if layer.mixes_examples:
        raise ValueError(
            f"{layer} at {path!r} makes each example's output of the whole batch, so no example has a gradient of its "
            "own: use eval_mode(model), or a norm of single examples, such as GroupNorm"
        )
    return layer
