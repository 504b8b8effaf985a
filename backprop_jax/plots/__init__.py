"""Pictures, as matplotlib figures: `figure.savefig("picture.png")`, or the value of a notebook's cell."""

from backprop_jax.plots.range_test import plot_range_test
from backprop_jax.plots.sweeps import heat_map, parallel_coordinates

__all__ = ["heat_map", "parallel_coordinates", "plot_range_test"]
