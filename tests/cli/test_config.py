import dataclasses
import tomllib
from pathlib import Path

import pytest

from backprop_jax.cli.config import CONFIG, OF_THE_START, TRAININGS, read_any_config, read_config, save_config
from backprop_jax.cli.flags import TrainDigits, TrainGPT, TrainImages, TrainText, parse
from backprop_jax.cli.refused import Refused

ALL = [
    TrainDigits(model="linear", learning_rate=0.1 + 0.2, weight_decay=1e-300, seed=2**32 - 1, cross_check=False),
    TrainImages(data='C:\\pets "and" more', augment=("flip", "crop"), log=(), params=Path("a b/é.safetensors")),
    TrainText(data="text\nof two lines", out=Path("caf\udce9"), log=("csv", "tensorboard")),  # no Unicode
    TrainGPT(recompute="block", steps=10**9),
]


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("flags", ALL, ids=lambda flags: type(flags).__name__)
def test_what_is_written_is_read_again(flags, tmp_path: Path) -> None:
    path = tmp_path / CONFIG
    save_config(path, flags)
    assert read_config(path, type(flags)) == read_any_config(path) == flags
    arguments = ["train", next(name for name, kind in TRAININGS.items() if kind is type(flags)), "--config", str(path)]
    assert parse(arguments) == dataclasses.replace(flags, config=path)


def test_every_setting_is_written_but_what_is_of_the_start(tmp_path: Path) -> None:
    save_config(tmp_path / CONFIG, TrainDigits(learning_rate=1.0, params=Path("p"), resume=True, config=Path("c")))
    names = {field.name for field in dataclasses.fields(TrainDigits)} - set(OF_THE_START)
    settings = tomllib.loads((tmp_path / CONFIG).read_text())
    assert settings.keys() == names | {"train"} and settings["train"] == "digits"


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "batch-size = 64\nwidth = 32\nlearning_rate = 1\ncross_check = false\n")
    flags = parse(["train", "digits", "--config", str(path), "--width", "8", "--cross-check"])
    assert flags == TrainDigits(config=path, batch_size=64, width=8, learning_rate=1.0, cross_check=True)


def test_windows_may_have_written_it(tmp_path: Path) -> None:
    path = tmp_path / "notepad.toml"
    path.write_bytes(b"\xef\xbb\xbfwidth = 3\r\n")
    assert read_config(path, TrainDigits).width == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("widht = 3", "there is no setting widht of train digits; did you mean width?"),
        ("zzz = 3", "there is no setting zzz of train digits; there are log, data, model"),
        ("heads = 3", "there is no setting heads of train digits"),
        ('width = "wide"', 'width must be a whole number, not "wide"'),
        ("width = 3.5", "width must be a whole number, not 3.5"),
        ("width = true", "width must be a whole number, not true"),
        ("batch-size = []", "batch-size must be a whole number, not []"),
        ('dropout = "0.1"', 'dropout must be a number, not "0.1"'),
        (f"dropout = {10**400}", "dropout must be a number, not 1000"),
        ("cross_check = 1", "cross_check must be true or false, not 1"),
        ("out = 1", "out must be text in quotes, not 1"),
        ('model = "cnn"', 'model must be "mlp" or "residual" or "linear", not "cnn"'),
        ('log = "csv"', 'log must be a list of "csv" or "tensorboard", not "csv"'),
        ('log = ["tsv"]', 'log must be a list of "csv" or "tensorboard"'),
        ("width = 0", "width must be 1 or more, not 0"),
        ("learning_rate = nan", "learning_rate must be a positive number, not nan"),
        ("[model]\nwidth = 3", "model is a section, and settings are in none"),
        ("[optimizer_settings]\nrate = 3", "optimizer_settings is a section, and"),
        ("model.width = 3", "model is a section, and settings are in none"),
        ("batch-size = 3\nbatch_size = 3", "batch_size is there twice"),
        ("width = wide\n", "is no TOML file: Invalid value (at line 1, column 9)"),
        ("\x00", "is no TOML file"),
        ('train = "gpt"', "is of train gpt, not of train digits"),
        ("resume = true", "resume is said on the command line alone, as --resume"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Refused) as refused:
        parse(["train", "digits", "--config", str(path)])
    told = str(refused.value)
    assert told.startswith(f"--config: {path}") and message in told
    assert refused.value.status == 2 and "\n" not in told


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(Refused) as refused:
            parse(["train", "text", "--config", str(path)])
        assert str(refused.value) == f"--config {path}: {why}"


def test_a_file_tells_what_it_is_of(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not tell what it is of"):
        read_any_config(written(tmp_path, "width = 3"))


def test_resuming_takes_the_settings_of_the_run(tmp_path: Path) -> None:
    flags = TrainDigits(width=8, out=tmp_path)
    save_config(tmp_path / CONFIG, flags)
    resume = ["train", "digits", "--resume", "--out", str(tmp_path)]
    assert parse(resume) == dataclasses.replace(flags, resume=True)
    assert parse([*resume, "--no-cross-check", "--log"]) == dataclasses.replace(
        flags, resume=True, cross_check=False, log=()
    )
    with pytest.raises(Refused, match=f"--resume: --width 9 is not that of the run in {tmp_path}, 8"):
        parse([*resume, "--width", "9"])
    with pytest.raises(Refused, match=r"--resume: .* is of train digits, not of train gpt"):
        parse(["train", "gpt", *resume[2:]])


def test_resuming_where_nothing_is_begins(tmp_path: Path) -> None:
    arguments = ["train", "digits", "--resume", "--out", str(tmp_path), "--width", "9"]
    assert parse(arguments) == TrainDigits(resume=True, width=9, out=tmp_path)
