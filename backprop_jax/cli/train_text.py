"""The third job: a recurrent network that learns to write as a text does."""

from functools import partial

from backprop_jax import data, losses, optim
from backprop_jax.cli.corpus import load_corpus
from backprop_jax.cli.job import REPLAY, make_console, warm_up_and_decay
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.text_flags import TrainText
from backprop_jax.cli.text_job import OnProgress, OnStretch, TextJob, run
from backprop_jax.cli.text_model import build_model
from backprop_jax.core import supervised
from backprop_jax.train import Fit, StreamEpoch, Training, fit_stream, stream_loss

__all__ = ["train_text"]


def train_text(flags: TrainText) -> int:
    """The job. Returns the exit status: 0, or 130 if Ctrl-C ended the training; raises Refused with any other."""
    corpus = load_corpus(flags)
    with refusing(ValueError, prefix=f"--data {flags.data}: to train on, "):
        batch = next(data.stream_batches(corpus.train, flags.batch_size, flags.steps))
    objective = supervised(build_model(corpus.vocabulary, flags), losses.CrossEntropy())
    steps = flags.epochs * ((len(corpus.train) - 1) // batch[0].size)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(warm_up_and_decay(flags.learning_rate, steps)))

    def fit(training: Training, on_stretch: OnStretch, on_progress: OnProgress) -> Fit[StreamEpoch]:
        return fit_stream(
            objective,
            optimizer,
            training,
            corpus.train,
            corpus.validation,
            epochs=flags.epochs,
            batch_size=flags.batch_size,
            steps=flags.steps,
            seed=flags.seed,
            replay=flags.out / REPLAY,
            on_epoch=on_stretch,
            on_progress=on_progress,
        )

    job = TextJob(
        flags,
        corpus,
        objective,
        optimizer,
        batch,
        steps,
        stretch="epoch",
        stretches=flags.epochs,
        unit="character",
        held_out=partial(stream_loss, objective),
        fit=fit,
    )
    return run(make_console(), job)
