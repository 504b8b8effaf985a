"""The first job: prove the gradients, learn to read digits, and say how well."""

from backprop_jax import data, losses, models, optim
from backprop_jax.cli.flags import TrainDigits
from backprop_jax.cli.job import Job, count_steps, make_console, run, warm_up_and_decay
from backprop_jax.cli.refused import refusing
from backprop_jax.core import supervised
from backprop_jax.core.layer import Layer
from backprop_jax.data import ImageDataset
from backprop_jax.train import step_times
from backprop_jax.train.step import GradientTransform

__all__ = ["build_classifier", "train_digits"]


def train_digits(flags: TrainDigits) -> int:
    """The job. Returns the exit status: 0, or 130 or 143 after Ctrl-C or SIGTERM; raises Refused with any other."""
    console = make_console()
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=f"--data {flags.data}: ", status=1):
        dataset = {"digits8x8": data.digits, "mnist5k": data.mnist5k}[flags.data]()
    objective = supervised(build_classifier(flags, dataset), losses.CrossEntropy(label_smoothing=flags.label_smoothing))
    optimizer = _optimizer(flags, count_steps(flags, dataset))
    trained = run(console, Job(flags, dataset, dataset.test, objective, optimizer))
    if trained is None:
        return 0
    if trained.interrupted:
        return 128 + trained.interrupted
    batch = dataset.train.x[: flags.batch_size], dataset.train.y[: flags.batch_size]
    times = step_times(objective, optimizer, trained.training, batch)
    console.print(
        f"\nstep time {1e3 * times.by_hand:.3f} ms by hand, {1e3 * times.by_autodiff:.3f} ms by jax.grad: "
        f"ratio {times.by_hand / times.by_autodiff:.2f} (medians, batches of {flags.batch_size} images)"
    )
    return 0


def build_classifier(flags: TrainDigits, dataset: ImageDataset) -> Layer:
    if flags.model == "mlp":
        return models.mlp((flags.width,) * flags.depth, dataset.classes, flags.dropout)
    if flags.model == "residual":
        return models.residual_mlp(flags.width, flags.depth, dataset.classes, flags.dropout)
    return models.linear_softmax(dataset.classes)


def _optimizer(flags: TrainDigits, steps: int) -> GradientTransform:
    schedule = warm_up_and_decay(flags.learning_rate or (0.1 if flags.optimizer == "sgd" else 0.004), steps)
    if flags.optimizer == "sgd":
        return optim.sgd(schedule, momentum=0.9)
    return optim.adam(schedule) if flags.optimizer == "adam" else optim.adamw(schedule, weight_decay=flags.weight_decay)
