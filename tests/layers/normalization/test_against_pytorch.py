"""The same numbers as PyTorch's, stored in tests/oracles/torch_normalization.py."""

import jax
import numpy as np
import pytest

from tests.layers.normalization.running import run
from tests.oracles.torch_normalization import DY, GIVEN, MEAN, SCALE, SHIFT, VAR, Given, X


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: repr(given.layer))
def test_numbers_are_those_of_pytorch(given: Given) -> None:
    def assert_equal(ours, theirs) -> None:
        np.testing.assert_allclose(np.ravel(ours), theirs, rtol=1e-6, atol=1e-6)  # stored to six places

    with jax.enable_x64(True):
        params, state = given.layer.init(jax.random.key(0), X)
        if params:
            params = {"scale": np.array(SCALE), "shift": np.array(SHIFT)}
        if state:
            state = {"mean": np.array(MEAN), "var": np.array(VAR)}
        y, state, dparams, dx = run(given.layer, params, state, X, DY)
        assert_equal(y, given.y)
        assert_equal(dx, given.dx)
        if params:
            assert_equal(dparams["scale"], given.dscale)
            assert_equal(dparams["shift"], given.dshift)
        if state:
            assert_equal(state["mean"], given.mean)
            assert_equal(state["var"], given.var)
