import pytest

from backprop_jax.layers.attention.alibi import alibi_slopes


def test_slopes_of_eight_heads_are_those_of_the_paper() -> None:
    assert alibi_slopes(8) == (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256)


def test_slopes_of_sixteen_heads_are_those_of_the_paper() -> None:
    """Section 3: the same, and between each two their geometric mean, from 2^-0.5 on."""
    assert alibi_slopes(16) == pytest.approx([2 ** (-n / 2) for n in range(1, 17)], rel=1e-15)


def test_slopes_of_twelve_heads_are_those_of_the_authors_code() -> None:
    """Of 8 heads, then every other one of 16."""
    of_sixteen = (2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5)
    assert alibi_slopes(12) == pytest.approx((*alibi_slopes(8), *of_sixteen), rel=1e-15)


def test_one_head() -> None:
    assert alibi_slopes(1) == (1 / 256,)
