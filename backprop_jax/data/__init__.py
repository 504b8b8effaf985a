"""Images and text from arrays, files and packages, and mini-batches of them. Nothing is downloaded."""

from backprop_jax.data import augmentation
from backprop_jax.data.arrays import from_arrays
from backprop_jax.data.batches import batches
from backprop_jax.data.digits import digits
from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.image_folders import image_folder
from backprop_jax.data.memory_tasks import adding_problem, copy_task
from backprop_jax.data.mnist5k import mnist5k
from backprop_jax.data.normalization import ChannelStatistics, channel_statistics, normalize
from backprop_jax.data.split import split
from backprop_jax.data.text import (
    BytePairVocabulary,
    CharacterVocabulary,
    NgramModel,
    TextDataset,
    TextExamples,
    TextParts,
    Vocabulary,
    bucket_batches,
    check_tokens,
    film_sentences,
    python_docs,
    read_text,
    split_text,
    stream_batches,
)

__all__ = [
    "BytePairVocabulary",
    "ChannelStatistics",
    "CharacterVocabulary",
    "Examples",
    "ImageDataset",
    "NgramModel",
    "TextDataset",
    "TextExamples",
    "TextParts",
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
    "mnist5k",
    "normalize",
    "python_docs",
    "read_text",
    "split",
    "split_text",
    "stream_batches",
]
