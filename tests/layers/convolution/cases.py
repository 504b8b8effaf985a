"""Layers on images whose output and first element read were counted by hand, and what they compute in float64."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax.core.layer import PyTree
from tests.oracles.convolution import Read, reads

__all__ = ["Case", "given", "oracle_reads", "results"]


class Case(NamedTuple):
    layer: Any
    x: tuple[int, ...]
    y: tuple[int, ...]  # lengths of its spatial axes
    before: tuple[int, ...]  # padding


def given(case: Case) -> tuple[PyTree, np.ndarray, np.ndarray]:
    """Parameters, x and dy, all random."""
    random, layer = np.random.default_rng(0), case.layer
    channels, features, groups = case.x[-1], layer.features, layer.feature_group_count
    matrix = (channels, features // groups) if isinstance(layer, bp.ConvTranspose) else (channels // groups, features)
    params = {"w": random.standard_normal((*layer.kernel_size, *matrix))}
    if layer.use_bias:
        params["b"] = random.standard_normal(features)
    return params, random.standard_normal(case.x), random.standard_normal((case.x[0], *case.y, features))


def results(cases: Mapping[str, Case]) -> dict[str, PyTree]:
    """(y, dparams, dx) of each, from one compilation."""

    def run(layer: bp.Layer, params: PyTree, x: jax.Array, dy: jax.Array) -> PyTree:
        y, _, residuals = layer.forward(params, (), x)
        return y, *layer.backward(params, residuals, dy)

    def run_all(arrays: PyTree) -> PyTree:
        return {name: run(case.layer, *arrays[name]) for name, case in cases.items()}

    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.jit(run_all)({name: given(case) for name, case in cases.items()}))


def oracle_reads(case: Case) -> list[Read]:
    layer, spatial = case.layer, case.x[1:-1]
    strides, dilation = (np.broadcast_to(value, len(spatial)) for value in (layer.strides, layer.kernel_dilation))
    places, read = (spatial, case.y) if isinstance(layer, bp.ConvTranspose) else (case.y, spatial)
    circular = layer.padding == "CIRCULAR"
    return list(reads(places, read, layer.kernel_size, strides, case.before, dilation, circular))
