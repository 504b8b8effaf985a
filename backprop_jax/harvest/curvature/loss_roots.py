"""The Hessian of a loss by the prediction, as a product of a root with itself."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.cotangents import vary_like
from backprop_jax.core.layer import Layer
from backprop_jax.core.objective import Supervised
from backprop_jax.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

__all__ = ["LossRoot", "loss_gradient", "loss_root", "require_likelihood", "require_supervised"]

LIKELIHOODS = (BinaryCrossEntropy, CrossEntropy, MeanSquaredError)


@dataclass(frozen=True)
class LossRoot:
    """S with S Sᵀ = H, the Hessian of the mean loss over the examples by the prediction z (B, ..., C).

        softmax:      H = m (diag(p) - p pᵀ) in each row,   column k of S = √m √p_k (e_k - p)
        pointwise:    H = diag(h),                          column k of S = √h e_k

    No example's loss depends on another's prediction, so a column is that of all examples at once.
    """

    scale: jax.Array  # √m (B, ..., 1), or √h in the shape of z
    logits: jax.Array | None  # None where the loss is pointwise
    shape: tuple[int, ...]  # of z

    @property
    def columns(self) -> int:
        """How many numbers an example's prediction has."""
        return math.prod(self.shape[1:])

    def column(self, number: jax.Array) -> jax.Array:
        """One of the columns, in the form of z."""
        here = (jnp.arange(self.columns) == number).reshape(self.shape[1:])
        if self.logits is None:
            return here * self.scale
        p = jax.nn.softmax(self.logits)
        in_row = jnp.any(here, -1, keepdims=True)
        p_here = jnp.sum(jnp.where(here, p, 0), -1, keepdims=True)
        return jnp.where(in_row, self.scale * jnp.sqrt(p_here) * (here - p), 0)

    def sample(self, key: jax.Array) -> jax.Array:
        """A random vector in the form of z whose second moment is H within each example: a gradient of the loss at a
        label drawn from p, or random signs times √h."""
        if self.logits is None:
            return self.scale * jax.random.rademacher(key, self.shape, self.scale.dtype)
        labels = jax.random.categorical(key, self.logits)
        is_label = lax.broadcasted_iota(labels.dtype, self.shape, len(self.shape) - 1) == labels[..., None]
        return self.scale * (jax.nn.softmax(self.logits) - is_label)


def loss_root(loss: Layer, prediction: jax.Array, target: jax.Array) -> LossRoot:
    """The root of the Hessian of a loss that is a negative log-likelihood.

    Raises:   ValueError if the loss is another.
    """
    require_likelihood(loss)
    if isinstance(loss, CrossEntropy):
        logits = prediction.astype(jnp.promote_types(prediction.dtype, jnp.float32))
        weights = loss.curvature_weights((prediction, target), _mean(loss, prediction, target))
        return LossRoot(jnp.sqrt(jnp.broadcast_to(weights, logits.shape[:-1]))[..., None], logits, logits.shape)
    # No element's loss depends on another's prediction, so the sum of a row of the Hessian is its diagonal.
    wide = prediction.astype(jnp.promote_types(prediction.dtype, jnp.float32))
    _, diagonal = jax.jvp(lambda at: loss_gradient(loss, at, target), (wide,), (jnp.ones_like(wide),))
    return LossRoot(jnp.sqrt(diagonal), None, wide.shape)


def loss_gradient(loss: Layer, prediction: jax.Array, target: jax.Array) -> jax.Array:
    """The gradient by the prediction of a scalar loss; if it has the axis of examples, of the mean over them."""
    _, _, residuals = loss.forward((), (), (prediction, target))
    return loss.backward((), residuals, _mean(loss, prediction, target))[1][0]


def require_supervised(objective: Layer, wanted: str) -> Supervised:
    """`objective`, or ValueError unless it is told apart into a model and a loss."""
    if not isinstance(objective, Supervised):
        raise ValueError(f"{wanted} needs an objective supervised(model, loss), to tell the two apart, not {objective}")
    return objective


def require_likelihood(loss: Layer) -> None:
    """ValueError unless the Hessian of the loss has a root that is known here."""
    if not isinstance(loss, LIKELIHOODS):
        names = ", ".join(kind.__name__ for kind in LIKELIHOODS)
        raise ValueError(
            f"the root of the Hessian is known of {names}, not of {loss}: gauss_newton_product takes any loss, and "
            "how='empirical' any objective"
        )


def _mean(loss: Layer, prediction: jax.Array, target: jax.Array) -> jax.Array:
    """The cotangent of the loss's output: 1, or the share of an example."""
    value, _, _ = jax.eval_shape(loss.forward, (), (), (prediction, target))
    share = 1 if value.ndim == 0 else 1 / max(value.shape[0], 1)
    return vary_like(jnp.full(value.shape, share, value.dtype), prediction)
