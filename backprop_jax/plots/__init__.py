"""Pictures, as matplotlib figures: `figure.savefig("picture.png")`, or the value of a notebook's cell."""

from backprop_jax.plots.computation_graph import plot_computation_graph
from backprop_jax.plots.gradient_flow import plot_gradient_flow
from backprop_jax.plots.gradient_norms import plot_gradient_norms
from backprop_jax.plots.histograms import plot_histograms
from backprop_jax.plots.landscape import Landscape, loss_landscape, plot_landscape
from backprop_jax.plots.layer_health import plot_layer_health
from backprop_jax.plots.learning_curves import plot_learning_curves
from backprop_jax.plots.learning_rate import plot_learning_rate
from backprop_jax.plots.paths import animate_paths, plot_paths
from backprop_jax.plots.range_test import plot_range_test
from backprop_jax.plots.rates import plot_rates
from backprop_jax.plots.speed import plot_speed
from backprop_jax.plots.surfaces import SURFACES, Descent, Surface, descend, fastest_descent
from backprop_jax.plots.sweeps import heat_map, parallel_coordinates

__all__ = [
    "SURFACES",
    "Descent",
    "Landscape",
    "Surface",
    "animate_paths",
    "descend",
    "fastest_descent",
    "heat_map",
    "loss_landscape",
    "parallel_coordinates",
    "plot_computation_graph",
    "plot_gradient_flow",
    "plot_gradient_norms",
    "plot_histograms",
    "plot_landscape",
    "plot_layer_health",
    "plot_learning_curves",
    "plot_learning_rate",
    "plot_paths",
    "plot_range_test",
    "plot_rates",
    "plot_speed",
]
