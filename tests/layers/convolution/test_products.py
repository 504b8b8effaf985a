"""All forms of the three products compute the same, and each is used where it is fast."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.core.layer import PyTree
from backprop_jax.layers.convolution import depthwise, native, phases, products, strips
from backprop_jax.layers.convolution.blocks import blocks_for
from backprop_jax.layers.windows import Window
from tests.catalogue import normal
from tests.oracles import convolution as oracle


class Product(NamedTuple):
    window: Window
    groups: int
    x: np.ndarray
    w: np.ndarray
    dy: np.ndarray


def random_products(rank: int, count: int) -> Iterator[Product]:
    """Windows of all kinds. Padding may be negative after: so it is where a transposed one has output_padding."""
    random = np.random.default_rng(rank)
    while count:
        groups, inputs, outputs = (int(random.choice(choices)) for choices in ([1, 1, 3], [1, 1, 2], [1, 2]))
        size, strides, dilation = (tuple(random.integers(1, 4, rank).tolist()) for _ in range(3))
        pads = zip(random.integers(0, 4, rank).tolist(), random.integers(-1, 4, rank).tolist(), strict=True)
        window, spatial = Window(size, strides, dilation, tuple(pads)), random.integers(1, 7, rank).tolist()
        places = window.places(spatial)
        if min(places) < 1 or np.prod(places) > 40:
            continue
        count -= 1
        shapes = (2, *spatial, groups * inputs), (*size, inputs, groups * outputs), (2, *places, groups * outputs)
        yield Product(window, groups, *map(random.standard_normal, shapes))


def forms(window: Window, groups: int, x: jax.Array, w: jax.Array, dy: jax.Array) -> dict[str, PyTree]:
    """y, dx and dw by each form that can compute them."""
    dx, dw = native.input_gradient(dy, w, x.shape[1:-1], window, groups), native.weight_gradient(x, dy, window, groups)
    results = {"native": (native.convolve(x, w, window, groups), dx, dw)}
    results["chosen"] = products.convolve(x, w, window, groups), *products.gradients(x, w, dy, window, groups)
    if groups == 1:
        y = phases.convolve(strips.convolve, x, w, window)
        results["strips"] = y, *phases.gradients(strips.gradients, x, w, dy, window)
    blocks = blocks_for(x.shape[1:-1], window, w.shape[-2]) if groups == 1 else None
    if blocks:
        y = blocks.convolve(strips.convolve, x, w, window)
        results["blocks"] = y, *blocks.gradients(strips.gradients, x, w, dy)
    if groups == x.shape[-1]:
        y = depthwise.convolve(x, w, window)
        results["depthwise"] = y, *phases.gradients(depthwise.gradients, x, w, dy, window)
    return results


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_form_is_the_slow_twin(rank: int) -> None:
    cases = list(random_products(rank, 10))

    def run_all(arrays):
        return [forms(case.window, case.groups, *some) for case, some in zip(cases, arrays, strict=True)]

    with jax.enable_x64(True):
        results = jax.jit(run_all)([(case.x, case.w, case.dy) for case in cases])
    assert {name for by_form in results for name in by_form} == {"native", "chosen", "strips", "blocks", "depthwise"}
    for (window, groups, x, w, dy), by_form in zip(cases, results, strict=True):
        before = [pair[0] for pair in window.padding]
        reads = oracle.reads(dy.shape[1:-1], x.shape[1:-1], window.size, window.strides, before, window.dilation)
        expected = oracle.convolution(x, w, dy, reads, groups)
        for name, triple in by_form.items():
            for ours, theirs, what in zip(triple, expected, ("y", "dx", "dw"), strict=True):
                message = f"{what} of {name}, {window}, {groups} groups"
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10, err_msg=message)


def test_the_input_gradient_alone() -> None:
    window, x = Window((3,), (2,), (1,), ((1, 0),)), normal(2, 6, 4)
    w, dy = normal(3, 2, 6), normal(2, 3, 6)
    dx = jax.jit(partial(products.input_gradient, spatial=(6,), window=window, groups=2))(dy, w)
    np.testing.assert_allclose(dx, native.input_gradient(dy, w, (6,), window, 2), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, products.gradients(x, w, dy, window, 2)[0], rtol=1e-5, atol=1e-6)


WINDOW = Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1)))


def lowered(function, platform: str, channels: int, groups: int = 1) -> str:
    x, w = (jax.ShapeDtypeStruct(s, jnp.float32) for s in ((4, 8, 8, channels), (3, 3, channels // groups, channels)))
    arguments = (x, w) if function is products.convolve else (x, w, x)
    run = jax.jit(partial(function, window=WINDOW, groups=groups))
    return run.trace(*arguments).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("platform", ["cuda", "rocm", "tpu"])
def test_accelerators_run_the_convolutions_of_xla(platform: str) -> None:
    for groups in (1, 64):
        forward, backward = (lowered(f, platform, 64, groups) for f in (products.convolve, products.gradients))
        for program, convolutions in ((forward, 1), (backward, 2)):
            assert program.count("stablehlo.convolution") == convolutions
            assert "stablehlo.while" not in program and "stablehlo.dot_general" not in program


def test_cpus_run_matrix_products_where_they_are_faster() -> None:
    """A gradient of weights that XLA's convolution computes takes ten times as long, and nothing else would tell."""
    narrow, wide = (lowered(products.convolve, "cpu", channels) for channels in (products.NARROW - 1, products.NARROW))
    assert "stablehlo.convolution" in narrow and "stablehlo.dot_general" not in narrow
    for program in (wide, lowered(products.gradients, "cpu", 64), lowered(products.gradients, "cpu", 2)):
        assert "stablehlo.while" in program and "stablehlo.dot_general" in program
        assert "stablehlo.convolution" not in program
    depthwise_forward, depthwise_backward = (
        lowered(function, "cpu", 64, 64) for function in (products.convolve, products.gradients)
    )
    assert "stablehlo.while" in depthwise_backward
    for program in (depthwise_forward, depthwise_backward):
        assert "stablehlo.convolution" not in program and "stablehlo.dot_general" not in program


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_an_empty_batch(groups: int) -> None:
    x, w, dy = normal(0, 8, 8, 4), normal(3, 3, 4 // groups, 8), normal(0, 8, 8, 8)
    y = jax.jit(products.convolve, static_argnums=(2, 3))(x, w, WINDOW, groups)
    dx, dw = jax.jit(products.gradients, static_argnums=(3, 4))(x, w, dy, WINDOW, groups)
    assert (y.shape, dx.shape, dw.shape) == (dy.shape, x.shape, w.shape) and not dw.any()


def test_groups_are_matrix_products_too() -> None:
    for function in (products.convolve, products.gradients):
        program = lowered(function, "cpu", 4 * products.NARROW, 4)
        assert "stablehlo.dot_general" in program and "stablehlo.convolution" not in program
