"""Pictures, as matplotlib figures: `figure.savefig("picture.png")`, or the value of a notebook's cell."""

from backprop_jax.plots.gradient_flow import plot_gradient_flow
from backprop_jax.plots.histograms import plot_histograms
from backprop_jax.plots.landscape import Landscape, loss_landscape, plot_landscape
from backprop_jax.plots.range_test import plot_range_test
from backprop_jax.plots.sweeps import heat_map, parallel_coordinates

__all__ = [
    "Landscape",
    "heat_map",
    "loss_landscape",
    "parallel_coordinates",
    "plot_gradient_flow",
    "plot_histograms",
    "plot_landscape",
    "plot_range_test",
]
