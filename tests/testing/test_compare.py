import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.testing.compare import assert_close, assert_same_types, relative_error, relative_errors


def test_errors_are_relative_to_the_largest_value_of_the_leaf() -> None:
    actual = {"a": np.array([1.0, 10.5]), "b": np.zeros(0)}
    errors = relative_errors(actual, {"a": np.array([1.0, 10.0]), "b": np.zeros(0)})
    assert errors == {"['a']": pytest.approx(0.05), "['b']": 0.0}
    assert relative_error((), ()) == 0.0


def test_small_leaves_may_be_measured_on_the_scale_of_the_largest() -> None:
    actual, expected = {"a": np.array([3e-9]), "b": np.array([2.0])}, {"a": np.array([1e-9]), "b": np.array([2.0])}
    assert relative_error(actual, expected) == pytest.approx(2.0)
    assert relative_error(actual, expected, negligible=1e-6) == pytest.approx(1e-3)


def test_a_relative_error_of_nan_is_not_lost_among_others() -> None:
    assert np.isnan(relative_error([np.ones(1), np.array([np.nan])], [np.ones(1), np.ones(1)]))


def test_nan_and_other_shapes_never_pass() -> None:
    with pytest.raises(AssertionError, match=r"what: relative error above 1e\+00 in \['a'\]: nan"):
        assert_close({"a": np.array([np.nan])}, {"a": np.array([1.0])}, 1.0, "what")
    with pytest.raises(AssertionError, match="the only leaf: inf"):
        assert_close(np.ones(2), np.ones(3), 1.0, "what")


def test_equal_infinities_pass() -> None:
    assert assert_close(np.array([np.inf, 1.0]), np.array([np.inf, 1.0]), 0.0, "what") == 0.0


def test_types_name_the_path() -> None:
    primal = {"w": jnp.ones(2), "ids": jnp.arange(2)}
    assert_same_types({"w": None, "ids": None}, primal, "dx")
    with pytest.raises(AssertionError, match=r"dx\['w'\]: float32\[3\] where the primal is float32\[2\]"):
        assert_same_types({"w": jnp.ones(3), "ids": None}, primal, "dx")
    with pytest.raises(AssertionError, match=r"dx\['ids'\]: a cotangent for int32, which has none"):
        assert_same_types({"w": None, "ids": jnp.ones(2)}, primal, "dx")
    with pytest.raises(AssertionError, match="dx: the structure is not that of the primal"):
        assert_same_types([jnp.ones(2)], primal, "dx")
