"""A table in which words are looked up and which makes the logits too."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from backprop_jax.core.cotangents import add
from backprop_jax.core.example_gradients import summed
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import layers_of
from backprop_jax.layers import Embedding
from backprop_jax.losses import LinearCrossEntropy

__all__ = ["add_lookup", "given", "require_tied_loss", "total"]

Kind = TypeVar("Kind", bound=Layer)


def given(layer: Layer, kind: type[Kind]) -> Kind:
    """The layer itself, or the one of this kind in whose place it stands."""
    return layer if isinstance(layer, kind) else layers_of(layer, kind)[0]


def total(embedding: Layer, gradients: PyTree) -> PyTree:
    """The gradient in place of each `ExampleGradients`, unless those are wanted: then the embedding is replaced too."""
    return summed(gradients) if isinstance(embedding, Embedding) else gradients


def add_lookup(embedding: Layer, params: PyTree, dtable: Any, tokens: jax.Array, drows: jax.Array | None) -> PyTree:
    """The cotangents of an embedding's parameters: that of the table by its other use, if any, and by the lookup."""
    table = params["table"]
    if drows is None:
        return {"table": None if dtable is None else dtable.astype(table.dtype)}
    if dtable is None or not isinstance(embedding, Embedding):
        dparams, _ = embedding.backward(params, tokens, drows)
        return {"table": add(dtable, dparams["table"]).astype(table.dtype)}
    # Onto the head's own array: two tables of a large vocabulary would be filled and added otherwise.
    dtable = dtable.astype(jnp.promote_types(dtable.dtype, jnp.float32))
    return {"table": dtable.at[tokens].add(drows.astype(dtable.dtype), mode="drop").astype(table.dtype)}


def require_tied_loss(loss: Layer, embedding: Layer) -> None:
    """ValueError unless the embedding's table is all that the loss has as parameters."""
    loss, embedding = given(loss, LinearCrossEntropy), given(embedding, Embedding)
    if loss.use_bias or loss.num_classes != embedding.num_embeddings:
        raise ValueError(
            f"the table of {embedding.num_embeddings} rows is that of the loss too, which needs as many classes and no "
            f"bias, not {loss}"
        )
