"""Texts in two languages, and mini-batches of them. Nothing is downloaded."""

from backprop_jax.data.text.translation.number_words import number_phrases, number_translations
from backprop_jax.data.text.translation.pair_batches import TranslationBatch, translation_batches
from backprop_jax.data.text.translation.parallel_file import read_parallel
from backprop_jax.data.text.translation.parallel_text import ParallelParts, ParallelText, split_parallel

__all__ = [
    "ParallelParts",
    "ParallelText",
    "TranslationBatch",
    "number_phrases",
    "number_translations",
    "read_parallel",
    "split_parallel",
    "translation_batches",
]
