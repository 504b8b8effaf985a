"""Text: vocabularies, corpora, and mini-batches of tokens. Nothing is downloaded."""

from backprop_jax.data.text.buckets import bucket_batches
from backprop_jax.data.text.byte_pairs import BytePairVocabulary
from backprop_jax.data.text.characters import CharacterVocabulary
from backprop_jax.data.text.film_reviews import film_sentences
from backprop_jax.data.text.ngram import NgramModel
from backprop_jax.data.text.python_documentation import python_docs
from backprop_jax.data.text.streams import stream_batches
from backprop_jax.data.text.text_dataset import TextDataset, TextExamples
from backprop_jax.data.text.text_file import read_text
from backprop_jax.data.text.text_parts import TextParts, split_text
from backprop_jax.data.text.token_check import check_tokens
from backprop_jax.data.text.vocabulary import Vocabulary

__all__ = [
    "BytePairVocabulary",
    "CharacterVocabulary",
    "NgramModel",
    "TextDataset",
    "TextExamples",
    "TextParts",
    "Vocabulary",
    "bucket_batches",
    "check_tokens",
    "film_sentences",
    "python_docs",
    "read_text",
    "split_text",
    "stream_batches",
]
