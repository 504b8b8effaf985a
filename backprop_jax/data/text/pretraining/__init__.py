"""Tokens as language models learn from them: packed, masked, in pairs of sentences, in windows of a large file."""

from backprop_jax.data.text.pretraining.masking import HiddenWords, mask_tokens
from backprop_jax.data.text.pretraining.packing import PackedTokens, next_tokens, pack_sequences
from backprop_jax.data.text.pretraining.pairs import SentencePairs, sentence_pairs
from backprop_jax.data.text.pretraining.token_file import read_tokens, write_tokens
from backprop_jax.data.text.pretraining.windows import random_windows

__all__ = [
    "HiddenWords",
    "PackedTokens",
    "SentencePairs",
    "mask_tokens",
    "next_tokens",
    "pack_sequences",
    "random_windows",
    "read_tokens",
    "sentence_pairs",
    "write_tokens",
]
