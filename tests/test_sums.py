"""What docs/which_sums_run_in_float32.md says is what the layers do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.sums import ROWS, Sum, sums_of, table, written

NARROW, WIDE = jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float32)
# What may be added up in bfloat16, for the reasons that the page gives.
SAID = {
    "ConvTranspose": "sum of places",
    "Pad": "sum of places",
    "from_function": "scattered sum, sum",
    "remat": "sum over steps",
    "scan": "sum over steps",
    "skip": "sum over steps",
}


def test_no_layer_sums_in_bfloat16_beyond_the_page() -> None:
    """On the first row of each public name; the next test takes them all."""
    firsts = {row.name: row for row in reversed(ROWS)}.values()
    page = written()
    for name, cells in table(firsts).items():
        for found, said in zip(cells, page.get(name, [set()] * 4), strict=True):
            assert found <= said, f"{name} adds up as {found}, of which the page says {said}: python -m tests.sums"


@pytest.mark.slow
def test_the_page_tells_all_there_is() -> None:
    assert table(ROWS) == written(), "write the page anew: python -m tests.sums"


def test_what_the_page_says_of_bfloat16_is_explained() -> None:
    for name, (_, forward, _, backward) in written().items():
        assert forward | backward <= {"product", "convolution", *SAID.get(name, "").split(", ")}, name


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (lambda x: lax.reduce_sum(x, (0,)), Sum("sum", NARROW)),
        (lambda x: jnp.sum(x.astype(jnp.float32)), Sum("sum", WIDE)),
        (lambda x: lax.cumsum(x), Sum("running sum", NARROW)),
        (lambda x: x.at[jnp.array([0, 0])].add(x[:2]), Sum("scattered sum", NARROW)),
        (lambda x: x @ x, Sum("product", NARROW)),
        (lambda x: x[:-3] + x[1:-2] + x[2:-1] + x[3:], Sum("sum of places", NARROW)),
        (lambda x: lax.scan(lambda total, part: (total + part, None), x[0], x)[0], Sum("sum over steps", NARROW)),
        (lambda x: lax.fori_loop(0, 3, lambda _, total: jnp.negative(x) + total, x), Sum("sum over steps", NARROW)),
        (jax.jit(lambda x: lax.scan(lambda total, part: (total * part, None), x[0], x)[0]), None),
        (lambda x: x + 1 - x[0], None),
    ],
)
def test_sums_are_found(function, found: Sum | None) -> None:
    jaxpr = jax.make_jaxpr(function)(jax.ShapeDtypeStruct((8,), jnp.bfloat16))
    assert set(sums_of(jaxpr.jaxpr)) == ({found} if found else set())


def test_xla_sums_products_of_bfloat16_in_float32() -> None:
    """A sum of ones in bfloat16 ends at 256."""
    ones = jnp.ones((1, 4096), jnp.bfloat16)
    assert float((ones @ ones.T)[0, 0]) == 4096
    kernel = jnp.ones((1, 1024, 1), jnp.bfloat16)
    image = jnp.ones((1, 2, 1024), jnp.bfloat16)
    convolved = lax.conv_general_dilated(image, kernel, (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC"))
    np.testing.assert_array_equal(convolved, 1024)
