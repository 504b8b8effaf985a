"""Words hidden at random, for a model that learns to tell them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.data.text.buckets import IGNORED

__all__ = ["mask_tokens"]

MASKED, REPLACED = 0.8, 0.1  # the shares of the chosen tokens; the rest stay as they are


def mask_tokens(
    key: jax.Array,
    tokens: jax.Array | np.ndarray,
    vocabulary_size: int,
    mask_token: int,
    special_tokens: Sequence[int] = (),
    rate: float = 0.15,
) -> tuple[jax.Array, jax.Array]:
    """Inputs with hidden tokens, and the targets: the hidden tokens in their places, -1 in all others.

    Each token is chosen with probability `rate`. Of those chosen, 8 of 10 become `mask_token`, 1 of 10 another word,
    drawn from all alike, and 1 of 10 stays: a model cannot know which tokens are right. `special_tokens`, that of
    padding among them, and `mask_token` are never chosen and never drawn.

    It is plain JAX: inside a compiled step each step hides other tokens, by its key, and `tokens` alone is copied to
    the device. All but the key and the tokens is fixed when it is compiled.

    Shapes:   tokens (...) integers -> inputs, targets (...), of the dtype of the tokens, which is signed.
    Raises:   TypeError if the tokens are no signed integers; ValueError if the rate is not above 0 and at most 1, the
              dtype of the tokens does not hold the whole vocabulary, a special token is not in it, or no other is.
    Source:   Devlin et al., 2019, arXiv:1810.04805, section 3.1 and appendix A.1.
    """
    tokens = jnp.asarray(tokens)
    if not jnp.issubdtype(tokens.dtype, jnp.signedinteger):
        raise TypeError(f"tokens must be signed integers, for -1 marks those that do not count, not {tokens.dtype}")
    if vocabulary_size - 1 > jnp.iinfo(tokens.dtype).max:
        raise ValueError(f"tokens of {tokens.dtype} cannot be all of the vocabulary of 0 to {vocabulary_size - 1}")
    if not 0 < rate <= 1:
        raise ValueError(f"the rate is a share of the tokens, above 0 and at most 1, not {rate}")
    reserved = np.unique(np.array([mask_token, *special_tokens], np.int64))
    outside = reserved[(reserved < 0) | (reserved >= vocabulary_size)]
    if len(outside):
        raise ValueError(f"the special token {outside[0]} is not in the vocabulary of 0 to {vocabulary_size - 1}")
    words = np.setdiff1d(np.arange(vocabulary_size), reserved)
    if not len(words):
        raise ValueError(f"all {vocabulary_size} tokens of the vocabulary are special: there is no word to hide")
    choice, word = jax.random.split(key)
    drawn = jax.random.uniform(choice, tokens.shape)
    other = jnp.asarray(words, tokens.dtype)[jax.random.randint(word, tokens.shape, 0, len(words))]
    chosen = (drawn < rate) & ~jnp.isin(tokens, jnp.asarray(reserved, tokens.dtype))
    # drawn is uniform below the rate for the chosen, so that its parts are the shares.
    hidden = jnp.where(drawn < MASKED * rate, mask_token, jnp.where(drawn < (MASKED + REPLACED) * rate, other, tokens))
    return jnp.where(chosen, hidden, tokens), jnp.where(chosen, tokens, IGNORED)
