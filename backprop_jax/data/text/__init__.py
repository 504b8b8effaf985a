"""Text: vocabularies, corpora, and mini-batches of tokens. Nothing is downloaded."""

from backprop_jax.data.text.buckets import bucket_batches
from backprop_jax.data.text.byte_pairs import BytePairVocabulary
from backprop_jax.data.text.characters import CharacterVocabulary
from backprop_jax.data.text.film_reviews import film_sentences
from backprop_jax.data.text.ngram import NgramModel
from backprop_jax.data.text.pretraining import (
    HiddenWords,
    PackedTokens,
    SentencePairs,
    mask_tokens,
    next_tokens,
    pack_sequences,
    random_windows,
    read_tokens,
    sentence_pairs,
    write_tokens,
)
from backprop_jax.data.text.python_documentation import python_docs
from backprop_jax.data.text.streams import stream_batches
from backprop_jax.data.text.text_dataset import TextDataset, TextExamples
from backprop_jax.data.text.text_file import read_text
from backprop_jax.data.text.text_parts import TextParts, split_text
from backprop_jax.data.text.token_check import check_tokens
from backprop_jax.data.text.translation import (
    ParallelParts,
    ParallelText,
    TranslationBatch,
    number_phrases,
    number_translations,
    read_parallel,
    split_parallel,
    translation_batches,
)
from backprop_jax.data.text.vocabulary import Vocabulary

__all__ = [
    "BytePairVocabulary",
    "CharacterVocabulary",
    "HiddenWords",
    "NgramModel",
    "PackedTokens",
    "ParallelParts",
    "ParallelText",
    "SentencePairs",
    "TextDataset",
    "TextExamples",
    "TextParts",
    "TranslationBatch",
    "Vocabulary",
    "bucket_batches",
    "check_tokens",
    "film_sentences",
    "mask_tokens",
    "next_tokens",
    "number_phrases",
    "number_translations",
    "pack_sequences",
    "python_docs",
    "random_windows",
    "read_parallel",
    "read_text",
    "read_tokens",
    "sentence_pairs",
    "split_parallel",
    "split_text",
    "stream_batches",
    "translation_batches",
    "write_tokens",
]
