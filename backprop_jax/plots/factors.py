"""Scales on which a step is a factor, with numbers as people write them."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = ["by_factors", "plain_numbers"]

# The factor up to which all round numbers find room, and from which on the powers of ten are enough.
FEW, MANY = 5, 100


def by_factors(axes: "Axes") -> None:
    """Make the y-axis one of factors, where all lines are above 0 and far enough apart."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 3 * values.min():
        axes.set_yscale("log")
        axes.tick_params(axis="y", which="minor", labelsize=8)
        plain_numbers(axes.yaxis, values.max() / values.min())


def plain_numbers(axis: "Axis", factor: float) -> None:
    """1000, not 10³. `factor` is how far the ends of the axis, which has a logarithmic scale, are apart."""
    from matplotlib.ticker import LogLocator

    axis.set_minor_locator(LogLocator(subs=range(2, 10) if factor < FEW else (2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("" if factor > MANY else "{x:g}")
