"""The command line: a thin face over the library."""

import contextlib
import importlib.util
import io
import os
import sys
from collections.abc import Sequence

import jax

from backprop_jax.cli.flags import (
    PROGRAM,
    Compare,
    Doctor,
    Evaluate,
    Explain,
    Generate,
    Predict,
    Replay,
    Report,
    TrainDigits,
    TrainGPT,
    TrainImages,
    TrainText,
    parse,
)
from backprop_jax.cli.refused import Refused

__all__ = ["main"]

EXTRA = ("PIL", "matplotlib", "orbax", "rich", "safetensors", "sklearn", "tomli_w", "tyro")  # what `cli` installs


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; without `argv` this is the whole process, with the flags of `sys.argv[1:]`.

    Returns the exit status: what each means `--help` tells.
    """
    if argv is None and isinstance(sys.stdout, io.TextIOWrapper):
        # A sample, or a path, may hold what the terminal or pipe has no bytes for; stderr does so by itself.
        sys.stdout.reconfigure(errors="backslashreplace")
    status = _run(argv)
    if argv is None:
        _flush()
        if status in (1, 130, 143):
            # jax may be in the middle of a compilation, on threads that do not outlive the interpreter's teardown, and
            # orbax of a checkpoint that failed, of which it would complain once more.
            os._exit(status)
    return status


def _run(argv: Sequence[str] | None) -> int:
    try:
        missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
        if missing:
            raise Refused(f"{', '.join(missing)} not installed: pip install 'backprop-jax[cli]'", status=1)

        from backprop_jax.cli.compare import compare
        from backprop_jax.cli.doctor import doctor
        from backprop_jax.cli.evaluate import evaluate
        from backprop_jax.cli.explain import explain
        from backprop_jax.cli.generate import generate
        from backprop_jax.cli.predict import predict
        from backprop_jax.cli.replay import replay
        from backprop_jax.cli.report import report
        from backprop_jax.cli.train_digits import train_digits
        from backprop_jax.cli.train_gpt import train_gpt
        from backprop_jax.cli.train_images import train_images
        from backprop_jax.cli.train_text import train_text

        try:
            match parse(argv):
                case TrainDigits() as flags:
                    return train_digits(flags)
                case TrainImages() as flags:
                    return train_images(flags)
                case TrainText() as flags:
                    return train_text(flags)
                case TrainGPT() as flags:
                    return train_gpt(flags)
                case Generate() as flags:
                    return generate(flags)
                case Evaluate() as flags:
                    return evaluate(flags)
                case Predict() as flags:
                    return predict(flags)
                case Report() as flags:
                    return report(flags)
                case Compare() as flags:
                    return compare(flags)
                case Doctor() as flags:
                    return doctor(flags)
                case Explain() as flags:
                    return explain(flags)
                case Replay() as flags:
                    return replay(flags)
        finally:
            sys.stdout.flush()
    except Refused as refused:
        print(f"{PROGRAM}: error: {refused}", file=sys.stderr)
        return refused.status
    except OSError as error:
        print(f"{PROGRAM}: error: {error.strerror or error}", file=sys.stderr)
        return 1
    except jax.errors.JaxRuntimeError as error:
        from backprop_jax.train.out_of_memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"{PROGRAM}: error: the device is out of memory: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; files not yet listed as written are not there", file=sys.stderr)
        return 130


def _flush() -> None:
    """Empty the buffers; what cannot be written is dropped, or Python would complain about it once more at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
