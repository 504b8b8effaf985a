"""Which layers a selector means."""

import pytest

import backprop_jax as bp
from backprop_jax.harvest import freeze, replace_selected
from backprop_jax.harvest.rules import FeedbackAlignment
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


def test_of_several_layers_at_a_path_the_outermost_is_replaced() -> None:
    block = bp.scan(bp.Dense(4), 3)
    replaced = replace_selected(bp.chain(a=block, b=bp.Tanh()), "a", FeedbackAlignment)
    assert replaced == bp.chain(a=FeedbackAlignment(block), b=bp.Tanh())


@pytest.mark.parametrize("selector", [[bp.Dense], ("0", "2"), (bp.Dense, "0"), None, bp.Dense(3)], ids=repr)
def test_what_is_no_selector_is_refused(selector) -> None:
    for select in (freeze, lambda layer, selector: replace_selected(layer, selector, bp.skip)):
        with pytest.raises(TypeError, match="a selector is a pattern of paths, a class of layers or a tuple"):
            select(MODEL, selector)
