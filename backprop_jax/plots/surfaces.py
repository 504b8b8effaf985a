"""The classic surfaces over two numbers, and the way of an optimizer down them."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.optim import apply_updates
from backprop_jax.train.step import GradientTransform

__all__ = ["SURFACES", "Descent", "Surface", "descend", "fastest_descent"]


class Surface(NamedTuple):
    """A function of two numbers whose least value is 0."""

    function: Callable[[Any, Any], Any]
    start: tuple[float, float]
    window: tuple[float, float, float, float]  # what is shown: left, right, bottom, top


class Descent(NamedTuple):
    """How an optimizer came down a surface."""

    steps: int | None  # until the value stays below the goal; None if it does not
    rate: float
    places: np.ndarray  # (steps + 1, 2), the start first


def _bowl(x: Any, y: Any) -> Any:
    return (x**2 + 50 * y**2) / 2


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _saddle(x: Any, y: Any) -> Any:
    return x**2 - y**2 + y**4 / 4 + 1


SURFACES = {
    "bowl": Surface(_bowl, (-4.0, 1.5), (-4.5, 1.0, -2.0, 2.0)),
    "Rosenbrock": Surface(_rosenbrock, (-1.5, 1.0), (-2.0, 1.6, -0.6, 3.0)),
    "Beale": Surface(_beale, (1.0, 1.5), (0.0, 3.6, -0.8, 1.8)),
    # Beside the ridge that leads to the saddle, from which it is a long way down to either side.
    "saddle": Surface(_saddle, (-1.5, 1e-4), (-2.0, 2.0, -2.0, 2.0)),
}


@partial(jax.jit, static_argnums=(0, 1, 3))
def descend(
    surface: Surface, optimizer: Callable[[jax.Array], GradientTransform], rates: jax.Array, steps: int
) -> tuple[jax.Array, jax.Array]:
    """Where `optimizer(rate)` goes from the start of a surface, for all learning rates at once.

    Shapes:   rates (N,) -> values (N, steps) and places (N, steps, 2), from the start on.
    """

    def run(rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        own, begin = optimizer(rate), jnp.array(surface.start)

        def step(carry: Any, _: None) -> tuple[Any, tuple[jax.Array, jax.Array]]:
            place, state = carry
            value, gradient = jax.value_and_grad(lambda place: surface.function(place[0], place[1]))(place)
            updates, state = own.update(gradient, state, place)
            return (apply_updates(place, updates), state), (value, place)

        return jax.lax.scan(step, (begin, own.init(begin)), length=steps)[1]

    return jax.vmap(run)(rates)


def fastest_descent(
    surface: Surface,
    optimizer: Callable[[jax.Array], GradientTransform],
    rates: jax.Array,
    steps: int,
    *,
    goal: float = 1e-3,
    stays: int = 100,
) -> Descent:
    """The descent of the learning rate that takes the fewest of `steps` until the value is below `goal` to the end.

    The last `stays` steps, 1 or more, must be below it: who crosses the goal when the steps end has not come to rest.
    """
    values, places = map(np.asarray, descend(surface, optimizer, rates, steps))
    taken = np.where(values < goal, 0, np.arange(1, steps + 1)).max(axis=1)  # up to the last value that is not below
    best = int(taken.argmin())
    here = int(taken[best])
    return Descent(here if here <= steps - stays else None, float(rates[best]), places[best, : here + 1])
