from pathlib import Path

import pytest

from backprop_jax.cli.flags import Evaluate, Generate, Predict, TrainDigits, TrainGPT, TrainImages, TrainText, parse
from backprop_jax.cli.refused import Refused


def test_without_flags_all_have_their_defaults() -> None:
    assert parse(["train", "digits"]) == TrainDigits()


def test_flags_arrive() -> None:
    arguments = "train digits --model linear --learning-rate 1e-2 --out here --no-cross-check"
    flags = parse(arguments.split())
    assert flags == TrainDigits(model="linear", learning_rate=0.01, out=Path("here"), cross_check=False)


def test_flags_of_images_arrive() -> None:
    arguments = "train images --data pets --model resnet18 --image-size 96 --augment crop flip --weight-decay 0"
    expected = TrainImages(data="pets", model="resnet18", image_size=96, augment=("crop", "flip"), weight_decay=0.0)
    assert parse(arguments.split()) == expected
    assert parse(["train", "images"]) == TrainImages()


def test_flags_of_text_arrive() -> None:
    arguments = "train text --data book.txt --vocabulary bpe --vocabulary-size 300 --cell gru --layers 2 --steps 32"
    expected = TrainText(data="book.txt", vocabulary="bpe", vocabulary_size=300, cell="gru", layers=2, steps=32)
    assert parse(arguments.split()) == expected
    assert parse(["train", "text"]) == TrainText()


def test_flags_of_gpt_arrive() -> None:
    arguments = "train gpt --data book.txt --vocabulary characters --width 64 --heads 2 --length 32 --recompute block"
    expected = TrainGPT("book.txt", "characters", width=64, heads=2, length=32, recompute="block")
    assert parse(arguments.split()) == expected
    assert parse(["train", "gpt"]) == TrainGPT()


def test_flags_of_results_arrive() -> None:
    assert parse(["evaluate", "runs/a", "--json"]) == Evaluate(Path("runs/a"), json=True)
    arguments = ["predict", "runs/a", "a.png", "-", "--top", "2"]
    assert parse(arguments) == Predict(Path("runs/a"), (Path("a.png"), Path("-")), top=2)


def test_the_exit_statuses_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    assert "130 after Ctrl-C and 143 after SIGTERM" in " ".join(capsys.readouterr().out.split())


def test_flags_of_generate_arrive() -> None:
    arguments = ["generate", "--model", "runs/text", "--prompt", "It was a", "--length", "9", "--temperature", "1e-1"]
    assert parse(arguments) == Generate(Path("runs/text"), "It was a", length=9, temperature=0.1)
    expected = Generate(Path("runs/text"), "It was a", length=9, temperature=0.1, top_k=40, top_p=0.9)
    assert parse([*arguments, "--top-k", "40", "--top-p", "0.9"]) == expected


@pytest.mark.parametrize(
    ("job", "flags"),
    [
        ("train digits", TrainDigits),
        ("train images", TrainImages),
        ("train text", TrainText),
        ("train gpt", TrainGPT),
        ("generate", Generate),
    ],
)
def test_help_explains_every_flag(job: str, flags: type, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse([*job.split(), "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for field in flags.__dataclass_fields__:
        assert f"--{field.replace('_', '-')}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "Missing subcommand: Expected one of {train, generate, evaluate, predict, report, compare, "),
        ("train", "Missing subcommand: Expected one of {digits, images, text, gpt}."),
        ("trian digits", "Unrecognized options: trian"),
        ("train digits --widht 3", "Unrecognized options: --widht, 3"),
        ("train digits --model cnn", "invalid choice 'cnn' for argument '--model'"),
        ("train digits --data cifar", "invalid choice 'cifar' for argument '--data'"),
        ("train digits --optimizer lion", "invalid choice 'lion' for argument '--optimizer'"),
        ("train digits --width wide", "Error parsing --width"),
        ("train digits --epochs", "Missing value for argument '--epochs'"),
        ("train digits --learning-rate 0", "--learning-rate must be a positive number, not 0.0"),
        ("train digits --learning-rate -1", "--learning-rate must be a positive number, not -1.0"),
        ("train digits --learning-rate nan", "--learning-rate must be a positive number, not nan"),
        ("train digits --learning-rate inf", "--learning-rate must be a positive number, not inf"),
        ("train digits --epochs -1", "--epochs must be 0 or more, not -1"),
        ("train digits --batch-size 0", "--batch-size must be 1 or more, not 0"),
        ("train digits --width 0", "--width must be 1 or more, not 0"),
        ("train digits --depth -1", "--depth must be 0 or more, not -1"),
        ("train digits --dropout 1", "--dropout must be at least 0 and less than 1, not 1.0"),
        ("train digits --label-smoothing nan", "--label-smoothing must be at least 0 and less than 1, not nan"),
        ("train digits --weight-decay -0.1", "--weight-decay must be 0 or more, not -0.1"),
        ("train digits --seed -1", "--seed must be from 0"),
        ("train images --model resnet19", "invalid choice 'resnet19' for argument '--model'"),
        ("train images --augment flip blur", "invalid choice 'blur' for argument '--augment'"),
        ("train images --optimizer adam", "invalid choice 'adam' for argument '--optimizer'"),
        ("train images --image-size 0", "--image-size must be 1 or more, not 0"),
        ("train images --batch-size 0", "--batch-size must be 1 or more, not 0"),
        ("train images --weight-decay -1", "--weight-decay must be 0 or more, not -1.0"),
        ("train text --cell rnn", "invalid choice 'rnn' for argument '--cell'"),
        ("train text --vocabulary words", "invalid choice 'words' for argument '--vocabulary'"),
        ("train text --vocabulary-size 255", "--vocabulary-size must be 256 or more, not 255"),
        ("train text --layers 0", "--layers must be 1 or more, not 0"),
        ("train text --embedding-width 0", "--embedding-width must be 1 or more, not 0"),
        ("train text --steps 0", "--steps must be 1 or more, not 0"),
        ("train text --dropout 1", "--dropout must be at least 0 and less than 1, not 1.0"),
        ("train gpt --recompute all", "invalid choice 'all' for argument '--recompute'"),
        ("train gpt --heads 0", "--heads must be 1 or more, not 0"),
        ("train gpt --length 0", "--length must be 1 or more, not 0"),
        ("train gpt --rounds 0", "--rounds must be 1 or more, not 0"),
        ("generate --model here", "Required options: Missing from backprop-jax generate: --prompt STR"),
        ("generate --model here --prompt a --temperature -1", "--temperature must be a positive number, not -1.0"),
    ],
)
def test_bad_flags_are_refused_in_one_line(arguments: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(arguments.split())
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.status == 2
