"""Images and text from arrays, files and packages, and mini-batches of them. Nothing is downloaded."""

from backprop_jax.data import augmentation
from backprop_jax.data.arrays import from_arrays
from backprop_jax.data.batches import batches
from backprop_jax.data.device_prefetch import prefetch_to_device
from backprop_jax.data.digits import digits
from backprop_jax.data.hard_tasks import narrow_valley, rare_words
from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.image_folders import image_folder
from backprop_jax.data.loading import Source, ordered_batches, shuffled_batches, steps_per_epoch
from backprop_jax.data.memory_tasks import adding_problem, copy_task
from backprop_jax.data.mnist5k import mnist5k
from backprop_jax.data.normalization import ChannelStatistics, channel_statistics, normalize
from backprop_jax.data.poisson_batches import PoissonBatch, poisson_batches
from backprop_jax.data.records import Records, write_records
from backprop_jax.data.split import split
from backprop_jax.data.text import (
    BytePairVocabulary,
    CharacterVocabulary,
    HiddenWords,
    NgramModel,
    PackedTokens,
    ParallelParts,
    ParallelText,
    SentencePairs,
    TextDataset,
    TextExamples,
    TextParts,
    TranslationBatch,
    Vocabulary,
    bucket_batches,
    check_tokens,
    film_sentences,
    mask_tokens,
    next_tokens,
    number_phrases,
    number_translations,
    pack_sequences,
    python_docs,
    random_windows,
    read_parallel,
    read_text,
    read_tokens,
    sentence_pairs,
    split_parallel,
    split_text,
    stream_batches,
    translation_batches,
    write_tokens,
)

__all__ = [
    "BytePairVocabulary",
    "ChannelStatistics",
    "CharacterVocabulary",
    "Examples",
    "HiddenWords",
    "ImageDataset",
    "NgramModel",
    "PackedTokens",
    "ParallelParts",
    "ParallelText",
    "PoissonBatch",
    "Records",
    "SentencePairs",
    "Source",
    "TextDataset",
    "TextExamples",
    "TextParts",
    "TranslationBatch",
    "Vocabulary",
    "adding_problem",
    "augmentation",
    "batches",
    "bucket_batches",
    "channel_statistics",
    "check_tokens",
    "copy_task",
    "digits",
    "film_sentences",
    "from_arrays",
    "image_folder",
    "mask_tokens",
    "mnist5k",
    "narrow_valley",
    "next_tokens",
    "normalize",
    "number_phrases",
    "number_translations",
    "ordered_batches",
    "pack_sequences",
    "poisson_batches",
    "prefetch_to_device",
    "python_docs",
    "random_windows",
    "rare_words",
    "read_parallel",
    "read_text",
    "read_tokens",
    "sentence_pairs",
    "shuffled_batches",
    "split",
    "split_parallel",
    "split_text",
    "steps_per_epoch",
    "stream_batches",
    "translation_batches",
    "write_records",
    "write_tokens",
]
