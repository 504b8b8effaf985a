"""What the network of a run makes of files."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import UnidentifiedImageError

from backprop_jax.cli.bits import bits_of_unit
from backprop_jax.cli.flags import PROGRAM
from backprop_jax.cli.job import make_console
from backprop_jax.cli.refused import Refused
from backprop_jax.cli.result_flags import Predict
from backprop_jax.cli.run_folder import ImageRun, TextRun, load_run
from backprop_jax.cli.tables import show_table
from backprop_jax.core.rewrite import layers_of
from backprop_jax.data.image_file import read_image
from backprop_jax.layers import PositionEmbedding
from backprop_jax.models.step_by_step import prepare, read
from backprop_jax.train import make_evaluation

__all__ = ["predict"]

STDIN = Path("-")
MOST = 8192  # tokens that are read to tell what comes next, where the model itself sets no limit


_read = jax.jit(read, static_argnums=0)


class Answers(NamedTuple):
    """Of one file: numbers about it, and the likeliest answers with their probabilities."""

    numbers: dict[str, float]
    likeliest: list[tuple[str, float]]


def predict(flags: Predict) -> int:
    """Print the answers. Returns the exit status, 1 if a file could not be read; raises Refused for other failures."""
    if not flags.inputs:
        raise Refused("predict needs a file, or several, behind the run; - is the standard input")
    run = load_run(flags.run)
    answer = _for_images(run, flags.top) if isinstance(run, ImageRun) else _for_text(run, flags.top)
    rows: list[tuple[str, ...]] = []
    status, headings = 0, ()
    for path in flags.inputs:
        try:
            found = answer(_content(path))
        except Exception as error:  # as of damaged files, of which decoders raise anything
            print(f"{PROGRAM}: {path}: {_reason(error)}", file=sys.stderr)
            status = 1
            continue
        if flags.json:
            print(_json(path, found, "class" if isinstance(run, ImageRun) else "text"))
        else:
            headings = "input", *found.numbers, "answer", "probability", "then"
            rows.append(_row(path, found, str if isinstance(run, ImageRun) else repr))
    if rows:
        show_table(make_console(), headings, rows, left=1)
    return status


def _content(path: Path) -> bytes:
    return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # which tells of an object in the memory
        return "it is no image that can be read"
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(words.split()) or type(error).__name__


def _json(path: Path, found: Answers, kind: str) -> str:
    likeliest = [{kind: name, "probability": probability} for name, probability in found.likeliest]
    numbers = {name.replace(" ", "_"): number for name, number in found.numbers.items()}
    return json.dumps({"input": str(path), **numbers, "answers": likeliest})


def _row(path: Path, found: Answers, shown: Callable[[str], str]) -> tuple[str, ...]:
    (name, probability), *others = ((shown(name), share) for name, share in found.likeliest)
    then = ", ".join(f"{other} {share:.1%}" for other, share in others)
    numbers = (f"{number:,.3f}" if isinstance(number, float) else f"{number:,}" for number in found.numbers.values())
    return str(path), *numbers, name, f"{probability:.1%}", then


def _for_images(run: ImageRun, top: int) -> Callable[[bytes], Answers]:
    model = make_evaluation(run.objective.layer)
    *size, channels = run.image_shape

    def answer(content: bytes) -> Answers:
        pixels = read_image(io.BytesIO(content), (size[0], size[1]), channels).astype(np.float32) / 255
        if run.statistics is not None:
            mean, std = (np.array(numbers, np.float32) for numbers in (run.statistics.mean, run.statistics.std))
            pixels = (pixels - mean) / std
        scores = model(run.params, run.state, pixels[None])[0]
        return Answers({}, [(run.class_names[place], share) for place, share in _likeliest(scores, top)])

    return answer


def _for_text(run: TextRun, top: int) -> Callable[[bytes], Answers]:
    room = min((layer.num_embeddings for layer in layers_of(run.model, PositionEmbedding)), default=MOST)

    def answer(content: bytes) -> Answers:
        tokens = run.vocabulary.encode(content.decode())
        if len(tokens) < 2:
            raise ValueError(f"a text needs two tokens or more, and this has {len(tokens)}")
        bits = bits_of_unit(run.vocabulary, run.unit, run.loss(tokens), tokens)
        model, prompt, _ = prepare(PROGRAM, run.model, run.params, tokens[None, -room:], 1)
        scores = _read(model, run.params, prompt)[0][0]
        likeliest = [(run.vocabulary.decode(np.array([place])), share) for place, share in _likeliest(scores, top)]
        return Answers({"tokens": len(tokens), f"bits a {run.unit}": bits}, likeliest)

    return answer


def _likeliest(scores: Any, top: int) -> list[tuple[int, float]]:
    """The places of the largest scores, and their probabilities."""
    shares = np.asarray(jax.nn.softmax(np.asarray(scores, np.float32)))
    return [(int(place), float(shares[place])) for place in np.argsort(-shares, kind="stable")[:top]]
