"""Which layers a selector means."""

import pytest

import backprop_jax as bp
from backprop_jax.harvest import freeze, replace_selected
from tests.harvest.in_backward.small import MODEL


def test_selectors() -> None:
    kinds = [type(part).__name__ for part in (bp.Dense(1), bp.Tanh())]
    for selector, count in (
        ("body/*", 4),
        (bp.Dense, 3),
        ((bp.Dense, bp.Tanh), 5),
        (lambda path, part: path == "head", 1),
    ):
        seen = []
        replace_selected(MODEL, selector, lambda part, seen=seen: seen.append(type(part).__name__) or part)
        assert len(seen) == count and set(seen) <= set(kinds)
    with pytest.raises(
        ValueError, match=r"'tail' selects no layer; there are body/0: Dense, .*head: Dense, \(the whole\): Chain"
    ):
        freeze(MODEL, "tail")
