"""Every sample input of PyTorch's that our layers can express: value, gradients and running statistics in float64.

It needs the extra `torch`, and expecttest, which PyTorch's tables import.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from backprop_jax.core.layer import Layer, PyTree
from tests.layers.normalization.running import run
from tests.layers.opinfo.expressed import Expressed, as_array, flat
from tests.layers.opinfo.table import TABLE


class Case(NamedTuple):
    """What our layer is given, and what PyTorch makes of it: of parameters and running statistics those that it has."""

    params: PyTree
    state: PyTree
    x: PyTree
    dy: np.ndarray
    y: np.ndarray
    new_state: PyTree
    dparams: PyTree
    dx: PyTree


@pytest.fixture(scope="module")
def ops() -> Iterator[dict[str, Any]]:
    """PyTorch's tables, by the name of the function."""
    for package in ("torch", "scipy", "expecttest"):
        pytest.importorskip(package)
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more cost time on inputs as small as these
    # A variant, as batch_norm's without_cudnn, has the same samples again.
    yield {op.name.removeprefix("nn.functional."): op for op in op_db if not op.variant_test_name}
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # says that it copies the input
@pytest.mark.parametrize("name", TABLE)
def test_value_and_gradients_are_those_of_pytorch(ops: dict[str, Any], name: str) -> None:
    import torch

    torch.manual_seed(0)
    samples = ops[name].sample_inputs("cpu", torch.float64, requires_grad=True, set_seed=False)
    entry, reasons, cases = TABLE[name], Counter(), defaultdict(list)
    with jax.enable_x64(True):
        for number, sample in enumerate(samples):
            expressed = entry.translate(sample.input, *sample.args, **sample.kwargs)
            if isinstance(expressed, str):
                reasons[expressed] += 1
                continue
            case = _case(ops[name], sample, expressed)
            # Pools see every example by itself: one batch of all, one compilation.
            alike = case.x.shape[1:] if "pool" in name else number
            cases[expressed.layer, alike].append(case)
        for (layer, *_), same in cases.items():
            _assert_equal(layer, same[0] if len(same) == 1 else _joined(same))
    assert (sum(map(len, cases.values())), reasons) == (entry.expressed, entry.reasons)


def _case(op: Any, sample: Any, expressed: Expressed) -> Case:
    import torch

    layer, layout, tensors, running = expressed.layer, expressed.layout, expressed.params, expressed.running
    x = jax.tree.map(lambda tensor: as_array(tensor, layout), expressed.x)
    params, state = layer.init(jax.random.key(0), x)
    if params:
        params |= {part: as_array(*tensor) for part, tensor in tensors.items()}
    if running:
        state = {part: as_array(tensor, flat) for part, tensor in running.items()}  # which op changes in place
    y = op(sample.input, *sample.args, **sample.kwargs)
    y = y[0] if isinstance(y, tuple) else y  # the other are places of maxima
    dy = torch.randn_like(y)
    inputs, structure = jax.tree.flatten(expressed.x)
    counted = [tensor for tensor in inputs if tensor.requires_grad]
    gradients = torch.autograd.grad(y, [*counted, *(tensor for tensor, _ in tensors.values())], dy)
    of_inputs, of_params = gradients[: len(counted)], gradients[len(counted) :]
    dparams = {part: as_array(grad, tensors[part][1]) for part, grad in zip(tensors, of_params, strict=True)}
    left = iter(of_inputs)
    dx = structure.unflatten(as_array(next(left), layout) if tensor.requires_grad else None for tensor in inputs)
    new_state = {part: as_array(tensor, flat) for part, tensor in running.items()}
    return Case(params, state, x, as_array(dy, layout), as_array(y, layout), new_state, dparams, dx)


def _joined(cases: list[Case]) -> Case:
    joined = {part: np.concatenate([getattr(case, part) for case in cases]) for part in ("x", "dy", "y", "dx")}
    return cases[0]._replace(**joined)


def _assert_equal(layer: Layer, case: Case) -> None:
    y, state, dparams, dx = run(layer, case.params, case.state, case.x, case.dy)
    ours = y, dx, {part: dparams[part] for part in case.dparams}, {part: state[part] for part in case.new_state}
    theirs = case.y, case.dx, case.dparams, case.new_state
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-9), ours, theirs)
