import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.testing.cases import (
    Case,
    autodiff,
    directional_difference,
    hand_written,
    inner,
    make_case,
    random_direction,
)
from tests.catalogue import ids, normal


def test_parameters_are_moved_off_their_initial_values() -> None:
    case = make_case(bp.LayerNorm(), normal(3, 4), np.random.default_rng(0))
    assert np.all(case.params["shift"] != 0) and np.all(case.params["scale"] != 1)


def test_directional_difference_of_a_square() -> None:
    """y = sum(x²) along v is 2 x·v."""
    square = bp.from_function(lambda x: jnp.sum(x * x))
    x, v = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0])
    case = Case((), (), x, jnp.ones(()))
    assert float(directional_difference(square, case, ((), v), 1e-2)) == pytest.approx(2.0, rel=1e-3)
    _, (_, dx) = hand_written(square, case)
    assert float(inner(dx, v)) == pytest.approx(2.0)


def test_constants_by_declaration_do_not_move() -> None:
    loss = bp.losses.CrossEntropy()
    case = make_case(loss, (normal(3, 4), ids(3, below=4)), np.random.default_rng(0))
    _, (dprediction, dtarget) = random_direction(loss, case, np.random.default_rng(0))
    assert dprediction.shape == (3, 4) and dtarget is None


def test_hand_written_and_autodiff_have_one_form() -> None:
    layer = bp.first(bp.Embedding(4, 2))
    case = make_case(layer, (ids(3, below=4), normal(2)), np.random.default_rng(0))
    for _, (dparams, dx) in (hand_written(layer, case), autodiff(layer, case)):
        assert dparams["table"].shape == (4, 2) and dx[0] is None and dx[1].shape == (2,)
