"""ONNX's own node cases of what transformers are made of, where our layers can express them: equal values.

It needs onnx, whose wheel carries the cases.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp

Arrays = dict[str, np.ndarray]


class Node(NamedTuple):
    """A case: the inputs by name, those that are left out missing, and the first output."""

    inputs: Arrays
    attributes: dict[str, Any]
    y: np.ndarray
    run: Callable[[Arrays], np.ndarray]  # ONNX's reference, on other inputs


class Expressed(NamedTuple):
    layer: bp.Layer
    params: Any
    x: Any
    y: np.ndarray


@pytest.fixture(scope="module")
def nodes() -> dict[str, list[Node]]:
    """The cases by operator."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("ml_dtypes")
    from onnx.backend.test.case.node import collect_testcases
    from onnx.reference import ReferenceEvaluator

    found: dict[str, list[Node]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of making the cases of other operators
        cases = collect_testcases()
    for case in cases:
        graph = case.model.graph
        if len(graph.node) > 1 or graph.node[0].op_type not in TABLE:  # the same cases again, in parts, have several
            continue
        (node,), ((inputs, outputs),) = graph.node, case.data_sets
        named = dict(zip([name for name in node.input if name], inputs, strict=True))
        attributes = {part.name: onnx.helper.get_attribute_value(part) for part in node.attribute}
        reference = lambda arrays, model=case.model: ReferenceEvaluator(model).run(None, arrays)[0]
        found.setdefault(node.op_type, []).append(Node(named, attributes, np.asarray(outputs[0]), reference))
    return found


def attention(node: Node) -> Expressed | str:
    inputs, of = node.inputs, node.attributes
    causal, left, right = of.get("is_causal", 0), of.get("left_window_size", -1), of.get("right_window_size", -1)
    window = left + 1 if left >= 0 else None
    if window is not None and left != right and not causal:
        return "a window of two different sides"
    if "nonpad_kv_seqlen" in inputs and (causal or window is not None):
        return "a first query that stands at another place in each example"
    heads = of.get("q_num_heads"), of.get("kv_num_heads"), of.get("kv_num_heads")
    q, k, v = (
        _steps_first(inputs[name])
        if inputs[name].ndim == 4
        else inputs[name].reshape(*inputs[name].shape[:2], count, -1)
        for name, count in zip("QKV", heads, strict=True)
    )
    data = bp.Visibility(keys=inputs.get("nonpad_kv_seqlen"))
    if "past_key" in inputs:
        past = _steps_first(inputs["past_key"]), _steps_first(inputs["past_value"])
        k, v = np.concatenate([past[0], k], 1), np.concatenate([past[1], v], 1)
        data = data._replace(start=np.int32(past[0].shape[1]))
    if (mask := inputs.get("attn_mask")) is not None:
        wanted = np.broadcast_shapes(mask.shape[:-1], (1, 1, q.shape[1]))
        mask = np.broadcast_to(mask, (*wanted, mask.shape[-1]))
        lacking = [(0, 0)] * 3 + [(0, k.shape[1] - mask.shape[-1])]
        hides = mask.dtype == np.bool_
        mask = np.pad(mask, lacking, constant_values=False if hides else -np.inf)
        data = data._replace(mask=mask) if hides else data._replace(bias=mask)
    layer = bp.DotProductAttention(bool(causal), window, of.get("scale"), of.get("softcap") or None)
    y = _steps_first(node.y) if node.y.ndim == 4 else node.y.reshape(*q.shape[:3], -1)
    return Expressed(layer, (), (q, k, v, data), y)


def rotary(node: Node) -> Expressed:
    """The case's angles are random numbers: ours are those of a base, and so ONNX's reference is given them."""
    x, of = node.inputs["input"], node.attributes
    steps_first = _steps_first(x) if x.ndim == 4 else x.reshape(*x.shape[:2], of["num_heads"], -1)
    batch, steps, _, width = steps_first.shape
    turned = of.get("rotary_embedding_dim", width)
    places = node.inputs.get("position_ids", np.broadcast_to(np.arange(steps), (batch, steps)))
    of_table = np.arange(50) if "position_ids" in node.inputs else places
    angles = of_table[..., None] * 10000.0 ** (-np.arange(0, turned, 2) / turned)
    tables = {"cos_cache": np.cos(angles).astype(np.float32), "sin_cache": np.sin(angles).astype(np.float32)}
    y = node.run(node.inputs | tables)
    y = _steps_first(y) if y.ndim == 4 else y.reshape(steps_first.shape)
    layer = bp.RotaryEmbedding(interleaved=bool(of.get("interleaved", 0)), rotary_dim=turned)
    return Expressed(layer, (), (steps_first, places), y)


def layer_norm(node: Node) -> Expressed:
    layer = bp.LayerNorm(node.attributes.get("epsilon", 1e-5))
    x, y, scale = _one_last_axis(node, "W")
    return Expressed(layer, {"scale": scale, "shift": node.inputs["B"].reshape(-1)}, x, y)


def rms_norm(node: Node) -> Expressed:
    x, y, scale = _one_last_axis(node, "W")
    return Expressed(bp.RMSNorm(node.attributes.get("epsilon", 1e-5)), {"scale": scale}, x, y)


def cross_entropy(node: Node) -> Expressed:
    labels, of = node.inputs["y"], node.attributes
    weights = None if "w" not in node.inputs else tuple(node.inputs["w"].tolist())
    options = {"ignore_index": of.get("ignore_index"), "reduction": of.get("reduction", b"mean").decode()}
    layer = bp.losses.CrossEntropy(class_weights=weights, **options)
    return Expressed(layer, (), (np.moveaxis(node.inputs["x"], 1, -1), labels), node.y)


def linear_cross_entropy(node: Node) -> Expressed:
    """The logits times the identity; class weights are weights of the labels."""
    expressed, classes = cross_entropy(node), node.inputs["x"].shape[1]
    logits, labels = expressed.x
    weights = () if "w" not in node.inputs else (node.inputs["w"][np.clip(labels, 0, classes - 1)],)
    layer = bp.losses.LinearCrossEntropy(
        classes, ignore_index=expressed.layer.ignore_index, reduction=expressed.layer.reduction
    )
    return expressed._replace(
        layer=layer, params={"table": np.eye(classes, dtype=np.float32)}, x=(logits, labels, *weights)
    )


class Entry(NamedTuple):
    translate: tuple[Callable[[Node], Expressed | str], ...]
    expressed: int
    reasons: dict[str, int] = {}  # noqa: RUF012  # why not, and how many cases


# How many cases of onnx 1.23.0 our layers express.
TABLE = {
    "Attention": Entry(
        (attention,),
        81,
        {
            "a window of two different sides": 1,
            "a first query that stands at another place in each example": 11,
        },
    ),
    "RotaryEmbedding": Entry((rotary,), 8),
    "LayerNormalization": Entry((layer_norm,), 19),
    "RMSNormalization": Entry((rms_norm,), 19),
    "SoftmaxCrossEntropyLoss": Entry((cross_entropy, linear_cross_entropy), 34),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_value_is_that_of_onnx(nodes: dict[str, list[Node]], name: str) -> None:
    reasons, expressed = Counter(), 0
    for node in nodes[name]:
        for translate in TABLE[name].translate:
            case = translate(node)
            if isinstance(case, str):
                reasons[case] += 1
                continue
            y, _, _ = case.layer.forward(case.params, (), case.x)
            eps = float(jnp.finfo(case.y.dtype).eps)
            rounded = eps > 1e-6  # in half precision, of which ONNX's reference has many steps
            rtol, atol = (4 * eps, eps) if rounded else (32 * eps, 8 * eps)
            np.testing.assert_allclose(np.asarray(y, np.float32), case.y.astype(np.float32), rtol, atol)
            assert y.shape == case.y.shape
        expressed += not isinstance(case, str)
    assert (expressed, reasons) == (TABLE[name].expressed, TABLE[name].reasons)


def _steps_first(array: np.ndarray) -> np.ndarray:
    """From (B, H, T, K) to (B, T, H, K)."""
    return np.swapaxes(array, 1, 2)


def _one_last_axis(node: Node, scale: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and y with the normalized axes as one, and their scale."""
    x, weight = node.inputs["X"], node.inputs[scale]
    rest = x.shape[: x.ndim - weight.ndim]
    return x.reshape(*rest, -1), node.y.reshape(*rest, -1), weight.reshape(-1)
