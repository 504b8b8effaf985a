import io

import numpy as np
import pytest
from rich.console import Console

import backprop_jax as bp
from backprop_jax.cli.tables import show_confusion, show_cross_check, show_summary
from backprop_jax.testing import CrossCheck


def shown(show, *content, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, soft_wrap=not terminal)
    show(console, *content)
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_summary(terminal: bool) -> None:
    model = bp.chain(bp.Flatten(), bp.Dense(300))
    text = shown(show_summary, bp.summarize(model, np.zeros((2, 8, 8), np.float32)), terminal=terminal)
    for part in ("Dense(features=300)", "float32[2, 300]", "19,500", "total"):
        assert part in text
    assert ("\x1b" in text) == terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_cross_check(terminal: bool) -> None:
    checks = [CrossCheck("1", bp.Dense(3), 1.25e-7, 2e-10), CrossCheck("", bp.chain(bp.Dense(3)), 3e-7, 4e-10)]
    text = shown(show_cross_check, checks, terminal=terminal)
    for part in ("Dense", "1.2e-07", "2.0e-10", "the whole objective", "3.0e-07"):
        assert part in text


@pytest.mark.parametrize("terminal", [True, False])
def test_confusion(terminal: bool) -> None:
    text = shown(show_confusion, np.array([[12, 0], [3, 4]]), ("a", "b"), terminal=terminal)
    lines = [line.split() for line in text.splitlines() if "actual" in line]
    assert lines == [["actual", "a", "12", "."], ["actual", "b", "3", "4"]]
