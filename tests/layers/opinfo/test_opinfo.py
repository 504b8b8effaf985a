"""Every sample input of PyTorch's that our layers can express: value, gradients and running statistics in float64.

It needs the extra `torch`, and expecttest, which PyTorch's tables import.
"""

import warnings
from collections import Counter
from typing import Any

import jax
import numpy as np
import pytest

from backprop_jax.core.layer import PyTree
from tests.layers.normalization.running import run
from tests.layers.opinfo.expressed import Expressed, as_array
from tests.layers.opinfo.table import TABLE


@pytest.fixture(scope="module")
def ops() -> dict[str, Any]:
    """PyTorch's tables, by the name of the function."""
    for package in ("torch", "scipy", "expecttest"):
        pytest.importorskip(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    # A variant, as batch_norm's without_cudnn, has the same samples again.
    return {op.name.removeprefix("nn.functional."): op for op in op_db if not op.variant_test_name}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_value_and_gradients_are_those_of_pytorch(ops: dict[str, Any], name: str) -> None:
    import torch

    torch.manual_seed(0)
    op, entry, reasons, expressed = ops[name], TABLE[name], Counter(), 0
    for sample in op.sample_inputs("cpu", torch.float64, requires_grad=True):
        translated = entry.translate(sample.input, *sample.args, **sample.kwargs)
        if isinstance(translated, str):
            reasons[translated] += 1
            continue
        expressed += 1
        given, expected = _theirs(op, sample, translated)
        with jax.enable_x64(True):
            got = run(translated.layer, *given)
        y, state, dparams, dx = got
        assert y.shape == expected[0].shape and dx.shape == expected[3].shape
        jax.tree.map(_assert_close, (y, state, {part: dparams[part] for part in expected[2]}, dx), expected)
    assert (expressed, reasons) == (entry.expressed, entry.reasons)


def _theirs(op: Any, sample: Any, expressed: Expressed) -> tuple[PyTree, PyTree]:
    """What our layer is given: params, state, x and dy. What is expected of it: y, the new state, dparams and dx."""
    import torch

    layout, tensors = expressed.layout, expressed.params
    params = expressed.constants | {part: as_array(tensor, layout) for part, (tensor, layout) in tensors.items()}
    width = next(iter(params.values())).shape if params else ()
    state = {part: as_array(tensor, np.array) for part, tensor in expressed.running.items()}
    if not state and hasattr(expressed.layer, "momentum"):
        state = {"mean": np.zeros(width), "var": np.ones(width)}
    y = op(sample.input, *sample.args, **sample.kwargs)
    y = y[0] if isinstance(y, tuple) else y  # with the places of maxima
    dy = torch.randn_like(y)
    names, leaves = list(tensors), [tensor for tensor, _ in tensors.values()]
    dx, *gradients = torch.autograd.grad(y, [expressed.x, *leaves], dy)
    given = params, state or (), as_array(expressed.x, layout), as_array(dy, layout)
    dparams = {part: as_array(gradient, tensors[part][1]) for part, gradient in zip(names, gradients, strict=True)}
    moved = {part: as_array(tensor, np.array) for part, tensor in expressed.running.items()}
    return given, (as_array(y, layout), moved or state or (), dparams, as_array(dx, layout))


def _assert_close(ours: jax.Array, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
