"""What every training on the command line leaves on the disk while it runs, and goes on from."""

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from backprop_jax.cli.config import CONFIG, AnyTraining, save_config
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.doctor.health_file import record_health
from backprop_jax.doctor.run_files import FILES
from backprop_jax.optim import hyperparams
from backprop_jax.train import Checkpoints, OtherTraining, each, log_steps, log_tensorboard
from backprop_jax.train.step import GradientTransform

__all__ = ["Recording", "recording"]

CHECKPOINTS, EVENTS = "checkpoints", "events"
REPLAY = "replay.safetensors"  # the step that went wrong
ERRORS = OSError, ModuleNotFoundError, FloatingPointError, MemoryError, OtherTraining


class Recording(NamedTuple):
    """What `fit` is given for it."""

    options: dict[str, Any]
    on_epoch: Callable[..., None]
    on_progress: Callable[..., None]


@contextmanager
def recording(
    program: str, flags: AnyTraining, objective: Layer, optimizer: GradientTransform, batch: PyTree
) -> Iterator[Recording]:
    """Settings, checkpoints and logs in the folder of the run. The health of the layers is told by `batch`. What they
    raise, or the training does, is Refused.

    Checkpoints of an earlier run are removed if that one ended, and its logs. Those of one that did not are weeks of
    somebody's work, perhaps: Refused is raised without --resume. A log that cannot be written is warned of.
    """
    folder = flags.out / CHECKPOINTS
    with ExitStack() as stack:
        stack.enter_context(_warnings(program))
        stack.enter_context(refusing(*ERRORS, status=1))
        checkpoints = Checkpoints(folder)
        stack.callback(_close, checkpoints)
        if not flags.resume:
            if not _ended(checkpoints):
                raise Refused(
                    f"--out {flags.out} holds a training that stopped at step {checkpoints.steps[-1]:,}: --resume goes "
                    f"on with it; or choose another folder, or remove {folder}"
                )
            checkpoints.discard_after(-1)
            for name in ("history", "steps", "health"):
                (flags.out / FILES[name]).unlink(missing_ok=True)
        save_config(flags.out / CONFIG, flags)
        on_epoch, on_progress, rate = [], [], _learning_rate(optimizer)
        if "csv" in flags.log:
            steps, health = (flags.out / FILES[name] for name in ("steps", "health"))
            on_progress.append(_or_warn(steps, log_steps(steps, rate)))
            on_epoch.append(_or_warn(health, record_health(health, objective, optimizer, batch)))
        if "tensorboard" in flags.log:
            tell_epoch, tell_progress = stack.enter_context(log_tensorboard(flags.out / EVENTS, rate))
            on_epoch.append(tell_epoch)
            on_progress.append(tell_progress)
        options = {"checkpoints": checkpoints, "resume": flags.resume, "replay": flags.out / REPLAY}
        yield Recording(options, each(*on_epoch), each(*on_progress))


def _learning_rate(optimizer: GradientTransform) -> Any:
    """That of the optimizer, or its schedule; None if it has several."""
    rate = hyperparams(optimizer).get("learning_rate")
    return None if isinstance(rate, tuple) else rate


def _ended(checkpoints: Checkpoints) -> bool:
    """Whether the training of these came to its end, or there is none."""
    if not checkpoints.steps:
        return True
    try:
        facts = checkpoints.facts(checkpoints.steps[-1])
    except OSError:
        return False
    return facts["epoch"] > facts["epochs"]


def _or_warn(path: Path, log: Callable[..., None]) -> Callable[..., None]:
    """The same log, that for want of room on the disk does not end the training; it is warned of once."""
    failed = False

    def write(*report: Any) -> None:
        nonlocal failed
        if failed:
            return
        try:
            log(*report)
        except OSError as error:
            failed = True
            told = f"{path} cannot be written any more: {error.strerror or error}; the training goes on"
            warnings.warn(told, RuntimeWarning, stacklevel=2)

    return write


def _close(checkpoints: Checkpoints) -> None:
    """A disk that is full is no reason to lose what else the training leaves."""
    try:
        checkpoints.close()
    except OSError as error:
        warnings.warn(str(error), RuntimeWarning, stacklevel=2)


@contextmanager
def _warnings(program: str) -> Iterator[None]:
    """A warning is a line, as an error is. What orbax writes to the terminal beside what it raises is left out."""
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    unraisable = sys.unraisablehook

    def ignore(told: Any) -> None:
        if "Event loop is closed" not in str(told.exc_value):  # of a checkpoint that failed, when it is collected
            unraisable(told)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        plain = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, RuntimeWarning):
                print(f"{program}: warning: {message}", file=sys.stderr)
            else:
                plain(message, category, *place, **more)

        warnings.showwarning, sys.unraisablehook = show, ignore
        try:
            yield
        finally:
            sys.unraisablehook = unraisable
