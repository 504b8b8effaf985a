import io

from rich.console import Console

from backprop_jax.train import Epoch, Progress, TextEpoch, show_progress

EPOCH = Epoch(3, 30, 0.25, 0.875, 0.5, 0.75, 12_345.0, {"1": 1.0})
LOOK = Progress(epoch=3, epochs=5, step=16, steps=50, loss=0.5, items_per_second=12_345.0, waiting=0.25, recent=())


def shown(terminal: bool, epoch: Epoch | TextEpoch = EPOCH, **words) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=80, soft_wrap=not terminal)
    with show_progress(console, steps=50, **words) as (on_epoch, on_progress):
        on_progress(LOOK)
        on_epoch(epoch, None)
    return out.getvalue()


def test_a_terminal_shows_a_bar() -> None:
    bar = shown(terminal=True)
    for part in ("3/5", "loss 0.500", "75.0%", "12,345 images/s", "━"):
        assert part in bar


def test_other_histories_bring_their_words() -> None:
    epoch = TextEpoch(3, 30, 0.25, 0.5, 12_345.0, {})
    words = {"unit": "tokens", "line": lambda row: f"line {row.epoch}", "score": lambda row: f"{row.validation_loss}!"}
    bar = shown(terminal=True, epoch=epoch, stretch="round", **words)
    assert "round   3/5" in bar
    assert "12,345 tokens/s" in bar
    assert "validation   0.5!" in bar
    assert shown(terminal=False, epoch=epoch, **words) == "line 3\n"


def test_elsewhere_each_epoch_is_one_plain_line() -> None:
    (line,) = shown(terminal=False).splitlines()
    for part in ("epoch   3", "loss 0.2500", "accuracy  87.50%", "validation accuracy  75.00%", "12,345 images/s"):
        assert part in line
    assert "\x1b" not in line
