"""The curvature of a loss by the prediction, as a product of a root with itself."""

import math
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.varying import vary_like
from backprop_jax.harvest.curvature.ctc_root import CTCRoot, only_samples
from backprop_jax.losses import (
    CTC,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    KLDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
)
from backprop_jax.losses.reduction import unreduce

__all__ = ["LossRoot", "Root", "loss_gradient", "loss_root", "require_likelihood", "share_of_example"]

LIKELIHOODS = (BinaryCrossEntropy, CrossEntropy, CTC, Huber, KLDivergence, MeanAbsoluteError, MeanSquaredError)


class Root(Protocol):
    """S with S Sᵀ = H, the Fisher matrix by the prediction z of what the mean loss is the surprise of.

    No example's loss depends on another's prediction, so a column is that of all examples at once. What it gives has
    the form of a cotangent of z.
    """

    @property
    def value(self) -> PyTree:
        """The loss."""
        ...

    @property
    def columns(self) -> int:
        """How many there are."""
        ...

    def column(self, number: jax.Array) -> PyTree:
        """One of them, zeros beyond the last."""
        ...

    def sample(self, key: jax.Array, share: float = 1.0) -> PyTree:
        """A random one whose second moment is H times the share, within each example."""
        ...

    def product(self, tangent: PyTree) -> PyTree:
        """H times a tangent of z."""
        ...


@dataclass(frozen=True)
class LossRoot:
    """The root of a loss of an array z (B, ...).

    softmax:      H = m (diag(p) - p pᵀ) in each row,   column k of S = √m √p_k (e_k - p)
    pointwise:    H = diag(h),                          column k of S = √h e_k
    """

    value: jax.Array
    scale: jax.Array  # √m (B, ..., 1), or √h in the shape of z
    logits: jax.Array | None  # None where the loss is pointwise
    shape: tuple[int, ...]  # of z

    @property
    def columns(self) -> int:
        """How many numbers an example's prediction has."""
        return math.prod(self.shape[1:])

    def column(self, number: jax.Array) -> jax.Array:
        here = (jnp.arange(self.columns) == number).reshape(self.shape[1:])
        if self.logits is None:
            return here * self.scale
        p = jax.nn.softmax(self.logits)
        in_row = jnp.any(here, -1, keepdims=True)
        p_here = jnp.sum(jnp.where(here, p, 0), -1, keepdims=True)
        return jnp.where(in_row, self.scale * jnp.sqrt(p_here) * (here - p), 0)

    def sample(self, key: jax.Array, share: float = 1.0) -> jax.Array:
        """A gradient of the loss at a label drawn from p, or random signs times √h."""
        scale = math.sqrt(share) * self.scale
        if self.logits is None:
            return scale * jax.random.rademacher(key, self.shape, scale.dtype)
        labels = jax.random.categorical(key, self.logits)
        is_label = lax.broadcasted_iota(labels.dtype, self.shape, len(self.shape) - 1) == labels[..., None]
        return scale * (jax.nn.softmax(self.logits) - is_label)

    def product(self, tangent: jax.Array) -> jax.Array:
        wide = tangent.astype(self.scale.dtype)
        if self.logits is not None:
            p = jax.nn.softmax(self.logits)
            wide = p * (wide - jnp.sum(p * wide, -1, keepdims=True))
        return jnp.square(self.scale) * wide


def loss_root(loss: Layer, prediction: PyTree, target: PyTree) -> Root:
    """The root of a loss that is a negative log-likelihood.

    Of CrossEntropy, BinaryCrossEntropy and MeanSquaredError H is the Hessian. Huber is taken for the surprise of the
    density exp(-y) / Z, MeanAbsoluteError for that of Laplace's, KLDivergence for that of a class.

    Raises:   ValueError if the loss is another.
    """
    require_likelihood(loss)
    value, _, _ = loss.forward((), (), (prediction, target))
    share = share_of_example(value, prediction)
    if isinstance(loss, CTC):
        examples = jax.tree.leaves(prediction)[0].shape[0]
        return CTCRoot(loss, value, prediction, unreduce(share, loss.reduction, examples))
    wide = prediction.astype(jnp.promote_types(prediction.dtype, jnp.float32))
    if isinstance(loss, CrossEntropy):
        weights = loss.curvature_weights((prediction, target), share)
        return LossRoot(value, jnp.sqrt(jnp.broadcast_to(weights, wide.shape[:-1]))[..., None], wide, wide.shape)
    return LossRoot(value, jnp.sqrt(_diagonal(loss, wide, target, share)), None, wide.shape)


def _diagonal(loss: Layer, z: jax.Array, target: jax.Array, share: jax.Array) -> jax.Array:
    """h of a pointwise loss."""
    if isinstance(loss, MeanAbsoluteError | Huber):
        # The density exp(-|e|) / 2 tells 1 of its place; that of Huber the chance that |e| is below delta.
        information = 1.0
        if isinstance(loss, Huber):
            within = math.sqrt(math.pi / 2) * math.erf(loss.delta / math.sqrt(2))
            information = within / (within + math.exp(-(loss.delta**2) / 2) / loss.delta)
        return jnp.broadcast_to(information * unreduce(share, loss.reduction, z.size), z.shape)
    if isinstance(loss, KLDivergence):
        # z is log q: the surprise of class v has the gradient -e_v, and v the chance q_v.
        mass = -jnp.sum(loss_gradient(loss, z, target), -1, keepdims=True)
        return mass * jnp.exp(z)
    # No element's loss depends on another's prediction, so the sum of a row of the Hessian is its diagonal.
    return jax.jvp(lambda at: loss_gradient(loss, at, target), (z,), (jnp.ones_like(z),))[1]


def loss_gradient(loss: Layer, prediction: PyTree, target: PyTree) -> PyTree:
    """The gradient by the prediction of a scalar loss; if it has the axis of examples, of the mean over them."""
    value, _, residuals = loss.forward((), (), (prediction, target))
    return loss.backward((), residuals, share_of_example(value, prediction))[1][0]


def share_of_example(value: jax.Array, prediction: PyTree) -> jax.Array:
    """The cotangent of the loss: 1, or the share of an example if it has their axis."""
    share = 1 if value.ndim == 0 else 1 / max(value.shape[0], 1)
    return vary_like(jnp.full(value.shape, share, value.dtype), prediction)


def require_likelihood(loss: Layer, how: str = "sampled") -> None:
    """ValueError unless the root of the loss is known, or its samples are if these are all that is needed."""
    if not isinstance(loss, LIKELIHOODS):
        names = ", ".join(kind.__name__ for kind in LIKELIHOODS)
        raise ValueError(
            f"a Fisher matrix is known of {names} and LinearCrossEntropy, not of {loss}: gauss_newton_product takes "
            "any loss, and how='empirical' any objective"
        )
    if isinstance(loss, CTC) and how != "sampled":
        raise only_samples(loss)
