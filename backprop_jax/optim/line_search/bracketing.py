"""Intervals that hold a stepsize which meets the Wolfe conditions: how to find one, and how to shrink it."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.line_search.wolfe_conditions import Point


class Bracket(NamedTuple):
    """The end with the lower value, the other, and stepsize and value of the end that was there before.

    `low` and `high` say which value is lower: as stepsizes they may stand the other way round.
    """

    low: Point
    high: Point
    third: tuple[jax.Array, jax.Array]


def first_bracket(before: Point, now: Point, decreases: jax.Array, is_first: jax.Array) -> tuple[Bracket, jax.Array]:
    """The interval between two stepsizes tried, the second being the longer, and whether the conditions hold inside.

    Source: Nocedal & Wright, Numerical Optimization, algorithm 3.5.
    """
    too_high = ~decreases | ((now.value >= before.value) & ~is_first)
    past_minimum = (now.slope >= 0.0) & ~too_high
    low, high = select(past_minimum, (now, before), (before, now))
    return Bracket(low, high, low[:2]), too_high | past_minimum


def shrunk_bracket(bracket: Bracket, now: Point, decreases: jax.Array) -> Bracket:
    """The part of the interval on one side of the stepsize tried in it.

    Source: Nocedal & Wright, Numerical Optimization, algorithm 3.6.
    """
    low, high, _ = bracket
    too_high = ~decreases | (now.value >= low.value)
    past_minimum = (now.slope * (high.stepsize - low.stepsize) >= 0.0) & ~too_high
    return Bracket(
        low=select(too_high, low, now),
        high=select(too_high, now, select(past_minimum, low, high)),
        third=select(too_high | past_minimum, high[:2], low[:2]),
    )


def select(condition: jax.Array, these: Any, those: Any) -> Any:
    """Leaf by leaf, one tree or the other."""
    return jax.tree.map(partial(jnp.where, condition), these, those)
