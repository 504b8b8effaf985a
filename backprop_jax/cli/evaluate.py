"""How good a run is on its test set."""

import json
from dataclasses import replace
from typing import Any

from rich.console import Console

from backprop_jax import data
from backprop_jax.cli.bits import bits_of_unit
from backprop_jax.cli.corpus import load_corpus
from backprop_jax.cli.image_flags import TrainDigits
from backprop_jax.cli.job import make_console, show_test
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.result_flags import Evaluate
from backprop_jax.cli.run_folder import ImageRun, TextRun, load_run
from backprop_jax.cli.text_flags import TrainGPT
from backprop_jax.cli.train_gpt import MOST
from backprop_jax.data import ImageDataset
from backprop_jax.train import evaluate as test

__all__ = ["evaluate"]


def evaluate(flags: Evaluate) -> int:
    """Print the result. Returns the exit status, 0; raises Refused for what fails."""
    console, run = make_console(), load_run(flags.run)
    show = None if flags.json else console
    told = _of_images(show, run, flags) if isinstance(run, ImageRun) else _of_text(show, run, flags)
    if flags.json:
        print(json.dumps({"run": str(flags.run)} | told))
    return 0


def _of_images(console: Console | None, run: ImageRun, flags: Evaluate) -> dict[str, Any]:
    dataset = _images(run, flags)
    result = test(run.objective, run.params, run.state, dataset.test)
    if console is not None:
        show_test(console, f"{dataset.name}: ", result, dataset)
    return {
        "data": dataset.name,
        "images": len(dataset.test),
        "right": int((result.scores.argmax(-1) == dataset.test.y).sum()),
        "accuracy": result.accuracy,
        "loss": result.loss,
    }


def _images(run: ImageRun, flags: Evaluate) -> ImageDataset:
    """All that the run had, as its network sees them."""
    name = run.flags.data if flags.data is None else flags.data
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=f"--data {name}: "):
        if isinstance(run.flags, TrainDigits) or name == "mnist5k":
            if name != run.flags.data:
                raise Refused(f"--data {name}: the run is of {run.flags.data}, which need not be looked for")
            dataset = {"digits8x8": data.digits, "mnist5k": data.mnist5k}[name]()
        else:
            height, width, channels = run.image_shape
            dataset = data.image_folder(name, (height, width), channels, on_skip=lambda path, why: None)
        if dataset.class_names != run.class_names:
            raise ValueError(f"it has the classes {_listed(dataset.class_names)}, the run {_listed(run.class_names)}")
        return dataset if run.statistics is None else data.normalize(dataset, run.statistics)


def _listed(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _of_text(console: Console | None, run: TextRun, flags: Evaluate) -> dict[str, Any]:
    most = MOST if isinstance(run.flags, TrainGPT) else None
    changed: dict[str, Any] = {"params": run.file} | ({} if flags.data is None else {"data": flags.data})
    corpus = load_corpus(replace(run.flags, **changed), most)
    loss = run.loss(corpus.test)
    bits = bits_of_unit(run.vocabulary, run.unit, loss, corpus.test)
    if console is not None:
        console.print(f"{corpus.name}: test: {bits:.3f} bits a {run.unit}, of {len(corpus.test):,} tokens")
    return {
        "data": corpus.name,
        "tokens": len(corpus.test),
        f"bits_a_{run.unit}": bits,
        "loss": loss,
    }
