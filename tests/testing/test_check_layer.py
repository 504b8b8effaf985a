import pytest

import backprop_jax as bp
from backprop_jax.testing import check_layer
from tests.catalogue import normal
from tests.testing.mutants import CORRECT, MUTANTS, Mutant
from tests.testing.mutants_in_time import IN_TIME
from tests.testing.mutants_of_attention import OF_ATTENTION


@pytest.mark.parametrize(
    "mutant", [*MUTANTS, *IN_TIME, *OF_ATTENTION], ids=lambda mutant: mutant.name.replace(" ", "-")
)
def test_mutants_are_caught_and_named(mutant: Mutant) -> None:
    with pytest.raises(AssertionError) as caught:
        check_layer(mutant.layer, mutant.x)
    assert mutant.caught_by in str(caught.value)
    assert type(mutant.layer).__name__ in str(caught.value)


@pytest.mark.parametrize("layer", CORRECT, ids=repr)
def test_the_layers_behind_the_mutants_are_correct(layer: bp.Layer) -> None:
    check_layer(layer, normal(4, 5))


def test_report_tells_what_was_measured() -> None:
    report = check_layer(bp.GELU(), normal(3, 5))
    assert report.residual_bytes == 3 * 5 * 4 < report.residual_bytes_of_jax_vjp
    assert 0 <= report.jax_vjp_float64 < 1e-12
    assert report.central_differences_float64 < 1e-6


def test_a_bound_on_residuals_is_enforced() -> None:
    with pytest.raises(AssertionError, match="residuals take 60 bytes, and the bound is 59"):
        check_layer(bp.GELU(), normal(3, 5), residual_bytes=59)
