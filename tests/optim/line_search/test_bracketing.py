from __future__ import annotations

import jax.numpy as jnp
import pytest

from backprop_jax.optim.line_search.bracketing import Bracket, first_bracket, shrunk_bracket
from backprop_jax.optim.line_search.wolfe_conditions import Point

YES, NO = jnp.array(True), jnp.array(False)


def point(stepsize: float, value: float, slope: float) -> Point:
    return Point(jnp.array(stepsize), jnp.array(value), jnp.array(slope))


@pytest.mark.parametrize(
    ("now", "decreases", "is_first", "ends"),
    [
        (point(2, 9, -1), YES, NO, None),  # falls on
        (point(2, 9, -1), NO, NO, (1, 2)),  # has not fallen enough
        (point(2, 11, -1), YES, NO, (1, 2)),  # higher than the one before
        (point(2, 11, -1), YES, YES, None),  # there is none before
        (point(2, 9, 1), YES, NO, (2, 1)),  # past the minimum
    ],
)
def test_first_bracket(now: Point, decreases: object, is_first: object, ends: tuple[int, int] | None) -> None:
    bracket, found = first_bracket(point(1, 10, -2), now, decreases, is_first)  # type: ignore[arg-type]
    assert bool(found) == (ends is not None)
    if ends is not None:
        assert (bracket.low.stepsize, bracket.high.stepsize) == ends
        assert bracket.third[0] == ends[0]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("value", "slope", "decreases", "ends"),
    [
        (9, -1, NO, (0, 1, 4)),  # too high: the part next to low, and the old high as the third point
        (11, -1, YES, (0, 1, 4)),
        (9, -1, YES, (1, 4, 0)),  # falls on toward high
        (9, 1, YES, (1, 0, 4)),  # past the minimum
    ],
)
def test_shrunk_bracket(value: float, slope: float, decreases: object, ends: tuple[int, ...], mirrored: bool) -> None:
    sign = -1 if mirrored else 1
    low, high = point(0, 10, -2 * sign), point(4 * sign, 12, 1)
    bracket = Bracket(low, high, low[:2])
    new = shrunk_bracket(bracket, point(sign, value, slope * sign), decreases)  # type: ignore[arg-type]
    assert (new.low.stepsize, new.high.stepsize, new.third[0]) == tuple(sign * end for end in ends)
