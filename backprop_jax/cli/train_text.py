"""The third job: a recurrent network that learns to write as a text does."""

from functools import partial

from backprop_jax import losses, optim
from backprop_jax.cli.corpus import load_corpus
from backprop_jax.cli.job import make_console, warm_up_and_decay
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.text_flags import TrainText
from backprop_jax.cli.text_job import TextJob, run
from backprop_jax.cli.text_model import build_model
from backprop_jax.core import supervised
from backprop_jax.train import TextStream, stream_loss

__all__ = ["train_text"]


def train_text(flags: TrainText) -> int:
    """The job. Returns the exit status: 0, or 130 or 143 after Ctrl-C or SIGTERM; raises Refused with any other."""
    corpus = load_corpus(flags)
    with refusing(ValueError, prefix=f"--data {flags.data}: to train on, "):
        texts = TextStream(corpus.train, corpus.validation, flags.batch_size, flags.steps, flags.seed)
    objective = supervised(build_model(corpus.vocabulary, flags), losses.CrossEntropy())
    steps = flags.epochs * texts.steps_per_epoch
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(warm_up_and_decay(flags.learning_rate, steps)))

    job = TextJob(
        flags,
        corpus,
        objective,
        optimizer,
        texts,
        stretch="epoch",
        stretches=flags.epochs,
        unit="character",
        held_out=partial(stream_loss, objective),
    )
    return run(make_console(), job)
