"""A model of many classes without its last product, and the curvature of `LinearCrossEntropy` by its logits."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.cotangents import cast_like
from backprop_jax.core.example_gradients import Each
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.core.varying import vary_like
from backprop_jax.harvest.curvature.loss_roots import share_of_example
from backprop_jax.losses import LinearCrossEntropy
from backprop_jax.losses.logit_chunks import Rule, chunk_of_tokens, tile_of_classes
from backprop_jax.losses.logit_gradients import LogitGradients, Tokens, backward_by_tiles

__all__ = ["LastProduct", "LastProductRoot", "LeftUndone"]


class LastProduct(NamedTuple):
    """Logits that are not formed: hidden tableᵀ + b. A cotangent or tangent has those of hidden, table and b."""

    hidden: jax.Array  # (B, ..., D)
    params: PyTree
    others: tuple[PyTree, ...]  # target (B, ...), and weights if there are some; None in a cotangent


@dataclass(frozen=True)
class LeftUndone(Layer):
    """In the place of a `LinearCrossEntropy` it hands out what that is made of.

        y = (hidden, params, target, weights)

    Params, state: those of the loss.   Saves: nothing.   Backward: hands dy on.
    """

    layer: LinearCrossEntropy

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[LastProduct, PyTree, Static]:
        hidden, *others = x
        return LastProduct(hidden, params, tuple(others)), state, Static(len(others))

    def backward(self, params: PyTree, residuals: Static, dy: LastProduct) -> tuple[PyTree, PyTree]:
        return dy.params, (dy.hidden, *(None,) * residuals.value)

    def backward_per_example(self, params: PyTree, residuals: Static, dy: LastProduct) -> tuple[PyTree, PyTree]:
        return self.backward(params, residuals, dy)


class LastProductRoot:
    """The root of a `LinearCrossEntropy` by its logits, formed a chunk of tokens or tile of classes at a time.

    H is that of `CrossEntropy`, column k of each token being √m √p_k (e_k - p). What belongs to the table in a column
    is `LogitGradients`.
    """

    def __init__(self, loss: LinearCrossEntropy, prediction: LastProduct) -> None:
        hidden, self.params, others = prediction
        x = (hidden, *others)
        self.value, _, _ = loss.forward(self.params, (), x)
        of_tokens = self.value[0] if loss.accuracy else self.value
        weights = loss.curvature_weights(self.params, x, share_of_example(of_tokens, hidden))
        self.prediction, self.loss = prediction, loss
        examples, steps = len(hidden), weights.size // max(len(hidden), 1)
        self.hidden, self.weights = hidden.reshape(examples, steps, -1), weights.reshape(examples, steps)
        self.rule = Rule(0.0, 0.0, loss.logit_softcap, accuracy=False)
        self.chunk = chunk_of_tokens(weights.size, loss.chunk_size)

    @property
    def columns(self) -> int:
        return self.weights.shape[1] * self.loss.num_classes

    def column(self, number: jax.Array) -> LastProduct:
        step, label = jnp.divmod(number, self.loss.num_classes)
        _, log_total = self._sweep(jax.random.key(0))
        row = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, label, 1), self.params)
        logits = self.rule.logits(self.hidden.reshape(-1, self.hidden.shape[-1]), row).reshape(self.weights.shape)
        scale = jnp.sqrt(self.weights * jnp.exp(logits - log_total))
        scale = jnp.where(jnp.arange(scale.shape[1]) == step, scale, 0)
        return self._backward(jnp.broadcast_to(label, scale.shape), log_total, scale)

    def sample(self, key: jax.Array, share: float = 1.0) -> LastProduct:
        labels, log_total = self._sweep(key)
        return self._backward(labels, log_total, jnp.sqrt(share * self.weights))

    def product(self, tangent: LastProduct) -> LastProduct:
        # As if each device of a `shard_map` had a table of its own: the sum over them is the caller's.
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, self.weights.dtype), self.params)
        params, dparams, nothing = vary_like((self.params, tangent.params, nothing), (self.prediction, tangent))

        def step(dtable: PyTree, own: tuple[jax.Array, ...]) -> tuple[PyTree, jax.Array]:
            rows, tangents, weights = own
            logits, u = jax.jvp(self.rule.logits, (rows, params), (tangents, dparams))
            _, back = jax.vjp(self.rule.logits, rows, params)
            p = jax.nn.softmax(logits)
            # H u of a row is m (p u - p <p, u>)
            drows, more = back(weights[:, None] * p * (u - jnp.sum(p * u, -1, keepdims=True)))
            return jax.tree.map(lambda total, part: total + part, dtable, more), drows

        shares = self._in_chunks(self.hidden), self._in_chunks(tangent.hidden), self._in_chunks(self.weights[..., None])
        dtable, drows = lax.scan(step, nothing, (*shares[:2], shares[2][..., 0]))
        drows = drows.reshape(-1, drows.shape[-1])[: self.weights.size].reshape(self.prediction.hidden.shape)
        return LastProduct(drows, cast_like(dtable, self.params), (None,) * len(self.prediction.others))

    def _sweep(self, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """A label drawn for each token, and the logarithm of Σ exp(logits), both (B, T)."""

        def measure(own: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            logits = self.rule.logits(own[0], self.params)
            return jax.random.categorical(own[1], logits), jax.nn.logsumexp(logits, -1)

        rows = self._in_chunks(self.hidden)
        found = lax.map(measure, (rows, jax.random.split(key, len(rows))))
        labels, log_total = (leaf.reshape(-1)[: self.weights.size].reshape(self.weights.shape) for leaf in found)
        return labels, log_total

    def _in_chunks(self, array: jax.Array) -> jax.Array:
        """(N / chunk, chunk, D), the last one with zeros behind."""
        rows = array.reshape(self.weights.size, -1)
        rows = jnp.pad(rows, ((0, -len(rows) % max(self.chunk, 1)), (0, 0)))
        return rows.reshape(-1, self.chunk, rows.shape[1])

    def _backward(self, labels: jax.Array, log_total: jax.Array, dterms: jax.Array) -> LastProduct:
        tokens = Tokens(self.hidden, labels.astype(jnp.int32), log_total, dterms)
        tile = tile_of_classes(self.loss.num_classes, labels.size, self.chunk)
        found = backward_by_tiles(self.rule, self.params, tokens, tile)
        table = self.params["table"]
        dparams: PyTree = {"table": LogitGradients(tokens, self.params, found.norms, self.rule, tile, table.dtype)}
        if self.loss.use_bias:
            dparams["b"] = Each.of(found.b, self.params["b"].dtype)
        dhidden = found.hidden.reshape(self.prediction.hidden.shape)
        return LastProduct(dhidden, dparams, (None,) * len(self.prediction.others))
