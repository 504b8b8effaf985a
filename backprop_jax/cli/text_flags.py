"""What can be said on the command line of models of text."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backprop_jax.cli.run_flags import RunFlags

__all__ = ["Generate", "TrainGPT", "TrainText"]


@dataclass(frozen=True)
class TrainText(RunFlags):
    """Train a recurrent network to write, character by character, on a text of yours.

    The beginning of the text is trained on, eight tenths of it; a tenth tells which epoch was the best, and its end, a
    tenth too, how good that one is.

    Prints the model, after each epoch the bits that it needs for a character of the text to validate, with a sample of
    what it writes, and the test result. Writes params.safetensors whenever an epoch was the best so far (with the
    vocabulary and the settings, for backprop-jax generate), and history.csv. Ctrl-C stops cleanly and keeps the best
    epoch, or in the first one what has been learned so far.
    """

    data: str = "python_docs"
    """A text file in UTF-8, or a folder of such files, read in the order of their paths; or python_docs: some 375,000
    characters of the documentation that comes with Python."""

    vocabulary: Literal["characters", "bpe"] = "characters"
    """What a step reads and writes: one character, or a byte pair, which is part of a word (extra `text`)."""

    vocabulary_size: int = 2000
    """Different byte pairs, 256 or more. (vocabulary: bpe)"""

    cell: Literal["lstm", "gru"] = "lstm"
    """The kind of the recurrent layers."""

    width: int = 256
    """Units of each recurrent layer."""

    layers: int = 1
    """Recurrent layers, one after another."""

    embedding_width: int = 64
    """Numbers that stand for a character or byte pair."""

    dropout: float = 0.3
    """Fraction of each recurrent layer's output removed in training, 0 to less than 1."""

    steps: int = 64
    """Characters or byte pairs that a row of a batch has, and that gradients reach back; what was read before them is
    remembered, but not learned from."""

    batch_size: int = 32
    """Places of the text that are read side by side: rows of a batch."""

    epochs: int = 12
    """Passes over the training text. With 0 nothing is trained and no file is written: the model is only tested."""

    learning_rate: float = 0.01
    """Step size of Adam at its peak: it rises over the first twentieth of the steps, then falls to 0 along a cosine."""

    seed: int = 0
    """Seed of the initial parameters, the dropout and the place where each pass over the text begins, 0 or more."""

    out: Path = Path("runs/text")
    """Folder for the results, made if missing; files of an earlier run in it are replaced."""

    params: Path | None = None
    """params.safetensors of an earlier run of the same model, to start from instead of random parameters; the
    vocabulary is that of the file."""

    cross_check: bool = False
    """Compare each layer's hand-written gradient with jax.grad and with central differences before training."""


@dataclass(frozen=True)
class TrainGPT(RunFlags):
    """Train a transformer to write, on a text of yours: a small GPT-2.

    The beginning of the text is trained on, eight tenths of it; a tenth tells when it was the best, and its end, a
    tenth too, how good that is. Of long texts some 200,000 characters of each of these two are read.

    Prints the model, the memory that its backward pass takes at each level of recomputation, several times in the
    training the bits that it needs for a byte of the text to validate, with a sample of what it writes, and the test
    result. Writes params.safetensors whenever it was the best so far (with the vocabulary and the settings, for
    backprop-jax generate), and history.csv. Ctrl-C stops cleanly and keeps the best, or in the first round what has
    been learned so far.
    """

    data: str = "python_docs"
    """A text file in UTF-8, or a folder of such files, read in the order of their paths; a file of tokens, .npy, with
    their tokenizer.json beside it; or python_docs: some 375,000 characters of the documentation that comes with
    Python."""

    vocabulary: Literal["bpe", "characters"] = "bpe"
    """What a step reads and writes: a byte pair, which is part of a word (extra `text`), or one character."""

    vocabulary_size: int = 2000
    """Different byte pairs, 256 or more. (vocabulary: bpe)"""

    layers: int = 4
    """Blocks of attention and feed-forward layers, one after another."""

    width: int = 256
    """Numbers that run between the blocks."""

    heads: int = 8
    """Places of the text that each attention layer looks at in one step, in as many ways; a divisor of the width."""

    length: int = 256
    """Byte pairs or characters that the model sees at a time."""

    dropout: float = 0.1
    """Fraction removed in training of the embeddings, the attention and each part's output, 0 to less than 1."""

    batch_size: int = 8
    """Pieces of the text, each of --length, in a step."""

    steps: int = 1000
    """Steps of the training, of which each round has as many: up to a multiple of --rounds. Each batch is drawn from
    the whole of the training text."""

    rounds: int = 10
    """How often in the training it is validated and writes a sample."""

    learning_rate: float = 0.001
    """Step size of AdamW at its peak: it rises over the first twentieth of the steps, then falls to 0 along a
    cosine."""

    weight_decay: float = 0.1
    """Fraction of each matrix taken off a step, times the learning rate."""

    recompute: Literal["none", "norms", "block"] = "norms"
    """What the backward pass computes again and does not save: nothing; norms and activations, which cost little; or
    all of a block, in a third more time."""

    seed: int = 0
    """Seed of the initial parameters, the dropout and the batches, 0 or more."""

    out: Path = Path("runs/gpt")
    """Folder for the results, made if missing; files of an earlier run in it are replaced."""

    params: Path | None = None
    """params.safetensors of an earlier run of the same model, to start from instead of random parameters; the
    vocabulary is that of the file."""

    cross_check: bool = False
    """Compare each layer's hand-written gradient with jax.grad and with central differences before training."""


@dataclass(frozen=True)
class Generate:
    """Write text with a model that `backprop-jax train text` or `backprop-jax train gpt` made."""

    model: Path
    """The folder of the training's results, or the params.safetensors in it."""

    prompt: str
    """The beginning of the text, which the model goes on from. One of characters has to be of those it was trained
    on."""

    length: int = 500
    """Characters to write, or byte pairs if the model's vocabulary is of these."""

    temperature: float = 0.7
    """1 draws as the model has learned, less prefers what is likely, more what is not; a positive number."""

    top_k: int | None = None
    """Draw from so many of the likeliest only."""

    top_p: float | None = None
    """Draw from the fewest of the likeliest that have this probability together, above 0 and at most 1."""

    seed: int = 0
    """Seed of what is drawn, 0 or more: the same seed writes the same text."""
