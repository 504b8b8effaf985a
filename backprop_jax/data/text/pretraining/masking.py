"""Words hidden at random, for a model that learns to tell them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.data.text.buckets import IGNORED

__all__ = ["HiddenWords", "mask_tokens"]

MASKED, REPLACED = 0.8, 0.1  # the shares of the chosen tokens; the rest stay as they are


class HiddenWords(NamedTuple):
    """What a model is to tell of a text, and where: P places of it, so that nothing need be done at the others."""

    places: Any  # (..., P) integer in [0, T)
    words: Any  # (..., P): the tokens that were there; -1 where nothing is hidden


def mask_tokens(
    key: jax.Array,
    tokens: jax.Array | np.ndarray,
    vocabulary_size: int,
    mask_token: int,
    special_tokens: Sequence[int] = (),
    rate: float = 0.15,
) -> tuple[jax.Array, HiddenWords]:
    """Inputs with hidden tokens, and the hidden ones with their places.

    Of the words of each text the share `rate` is chosen, rounded, and one at least. Of those chosen, 8 of 10 become
    `mask_token`, 1 of 10 another word, drawn from all alike, and 1 of 10 stays: a model cannot know which tokens are
    right. `special_tokens`, that of padding among them, and `mask_token` are no words: never chosen and never drawn.

    It is plain JAX: inside a compiled step each step hides other tokens, by its key, and `tokens` alone is copied to
    the device. All but the key and the tokens is fixed when it is compiled.

    Shapes:   tokens (..., T) integers -> inputs (..., T), `HiddenWords(places (..., P) int32, words (..., P))`, inputs
              and words of the dtype of the tokens, which is signed. P is the share of T: no text has more to tell.
    Raises:   TypeError if the tokens are no signed integers; ValueError if there is no axis of steps or none on it, the
              rate is not above 0 and at most 1, the dtype of the tokens does not hold the whole vocabulary, a special
              token is not in it, or no other is.
    Source:   Devlin et al., 2019, arXiv:1810.04805, section 3.1 and appendix A.1.
    """
    tokens = jnp.asarray(tokens)
    if not jnp.issubdtype(tokens.dtype, jnp.signedinteger):
        raise TypeError(f"tokens must be signed integers, for -1 marks those that do not count, not {tokens.dtype}")
    if vocabulary_size - 1 > jnp.iinfo(tokens.dtype).max:
        raise ValueError(f"tokens of {tokens.dtype} cannot be all of the vocabulary of 0 to {vocabulary_size - 1}")
    if tokens.ndim == 0 or tokens.shape[-1] == 0:
        raise ValueError(f"tokens are texts (..., T) of 1 token or more, not {list(tokens.shape)}")
    if not 0 < rate <= 1:
        raise ValueError(f"the rate is a share of the tokens, above 0 and at most 1, not {rate}")
    reserved = np.unique(np.array([mask_token, *special_tokens], np.int64))
    outside = reserved[(reserved < 0) | (reserved >= vocabulary_size)]
    if len(outside):
        raise ValueError(f"the special token {outside[0]} is not in the vocabulary of 0 to {vocabulary_size - 1}")
    words = np.setdiff1d(np.arange(vocabulary_size), reserved)
    if not len(words):
        raise ValueError(f"all {vocabulary_size} tokens of the vocabulary are special: there is no word to hide")
    order, kind, word = jax.random.split(key, 3)
    is_word = ~jnp.isin(tokens, jnp.asarray(reserved, tokens.dtype))
    # The words in an order drawn anew, all before what is none; those that come first are chosen.
    drawn = jnp.where(is_word, jax.random.uniform(order, tokens.shape), -1)
    _, places = jax.lax.top_k(drawn, max(round(rate * tokens.shape[-1]), 1))
    count = jnp.maximum(jnp.round(rate * is_word.sum(-1, keepdims=True)), 1)
    told = jnp.take_along_axis(tokens, places, -1)
    chosen = jnp.take_along_axis(is_word, places, -1) & (jnp.arange(places.shape[-1]) < count)
    other = jnp.asarray(words, tokens.dtype)[jax.random.randint(word, places.shape, 0, len(words))]
    share = jax.random.uniform(kind, places.shape)
    given = jnp.where(share < MASKED, mask_token, jnp.where(share < MASKED + REPLACED, other, told))
    inputs = jnp.put_along_axis(tokens, places, jnp.where(chosen, given, told).astype(tokens.dtype), -1, inplace=False)
    return inputs, HiddenWords(places, jnp.where(chosen, told, IGNORED))
