"""What is put around cuDNN's kernels, with JAX's own definition in their place: there is a GPU for few of us."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import backprop_jax as bp
from backprop_jax.layers.attention import dot_product
from tests.catalogue import normal
from tests.catalogue.attention import heads
from tests.layers.normalization.running import run

Attention = bp.DotProductAttention
LENGTHS = np.array([6, 0, 2], np.int32)
RANDOM = np.random.default_rng(0)
MASK = RANDOM.random((1, 4, 6, 6)) < 0.5
MASK[:, :, 1] = False
BIAS = np.where(RANDOM.random((3, 1, 6, 6)) < 0.8, normal(3, 1, 6, 6), -np.inf)
SEGMENTS = np.array([[1, 1, 2, 2, 2, 0], [1, 2, 2, 3, 0, 0], [1] * 6], np.int32)
CASES = {
    "plain, other keys than queries": (Attention(), 4, 2, None),
    "causal window": (Attention(causal=True, window=3, scale=0.7), 6, 6, None),
    "lengths": (Attention(), 5, 6, bp.Visibility(keys=LENGTHS)),
    "causal lengths": (Attention(causal=True), 6, 6, bp.Visibility(keys=LENGTHS)),
    "mask": (Attention(), 6, 6, bp.Visibility(mask=MASK)),
    "everything": (
        Attention(causal=True),
        6,
        6,
        bp.Visibility(LENGTHS, (SEGMENTS, SEGMENTS), MASK, jnp.asarray(BIAS, jnp.bfloat16)),
    ),
}


def definition(calls: list[str], **instead: Any) -> Callable[..., jax.Array]:
    """`jax.nn.dot_product_attention`, in float32 and by `instead`."""
    original = jax.nn.dot_product_attention

    def attend(*arrays: Any, implementation: str, **rest: Any) -> jax.Array:
        calls.append(implementation)
        precise = (
            part.astype(jnp.float32) if getattr(part, "dtype", None) == jnp.bfloat16 else part for part in arrays
        )
        return original(*precise, **rest, **instead).astype(arrays[0].dtype)

    return attend


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels that were called, on a machine that seems to have them."""
    found: list[str] = []
    monkeypatch.setattr(jax.nn, "dot_product_attention", definition(found, implementation="xla"))
    monkeypatch.setattr(dot_product, "has_kernels", lambda: True)
    return found


def in_half(*x: Any) -> tuple[Any, ...]:
    return tuple(jnp.asarray(part, jnp.bfloat16) for part in x)


def compare(layer: bp.Layer, queries: int, keys: int, data: bp.Visibility | None) -> None:
    """Output and all gradients are those of tiles, up to what bfloat16 can tell."""
    x: Any = in_half(*heads(3, queries, keys, 4, 2, 8))
    x = x if data is None else (*x, data)
    (dy,) = in_half(normal(3, queries, 4, 8))
    y, _, _, dx = run(layer, (), (), x, dy)
    expected_y, _, _, expected = run(replace(layer, implementation="tiles"), (), (), x, dy)
    assert jax.tree.structure(dx) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves((y, dx)), jax.tree.leaves((expected_y, expected)), strict=True):
        assert ours.dtype == theirs.dtype
        ours, theirs = np.float32(ours), np.float32(theirs)
        np.testing.assert_allclose(ours, theirs, atol=0.03 * np.abs(theirs).max())
    unseen = np.all(np.asarray(expected_y) == 0, -1)
    hidden = np.all(np.asarray(expected[2]) == 0, -1)
    assert unseen.any() == (data is not None)
    for part, zero in ((y, unseen), (dx[0], unseen), (dx[1], hidden), (dx[2], hidden)):
        np.testing.assert_array_equal(np.asarray(part)[zero], 0)


@pytest.mark.parametrize(("layer", "queries", "keys", "data"), CASES.values(), ids=CASES)
def test_is_what_tiles_are(
    layer: bp.Layer, queries: int, keys: int, data: bp.Visibility | None, calls: list[str]
) -> None:
    compare(layer, queries, keys, data)
    assert calls == ["cudnn"]


@pytest.mark.gpu
@pytest.mark.skipif(not dot_product.has_kernels(), reason="JAX's default device is no GPU with these kernels")
@pytest.mark.parametrize(("layer", "queries", "keys", "data"), CASES.values(), ids=CASES)
def test_is_what_tiles_are_on_a_gpu(layer: bp.Layer, queries: int, keys: int, data: bp.Visibility | None) -> None:
    compare(replace(layer, implementation="cudnn"), queries, keys, data)


def half(batch: int, *rest: int) -> tuple[Any, ...]:
    return in_half(*heads(batch, *rest))


Q = half(2, 6, 6, 4, 2, 8)
REFUSED = [
    (Attention(alibi=True), Q, "alibi"),
    (Attention(logit_softcap=2.0), Q, "logit_softcap"),
    (Attention(rate=0.1), Q, "dropout"),
    (Attention(), half(0, 6, 6, 4, 2, 8), "arrays that are empty"),
    (Attention(), heads(2, 6, 6, 4, 2, 8), "float32, float32 and float32, only float16 or bfloat16 for all"),
    (Attention(), half(2, 6, 6, 4, 2, 12), "heads of width 12, only multiples of 8 up to 128"),
    (Attention(), half(2, 6, 6, 4, 2, 136), "heads of width 136"),
    (Attention(), (*Q[:2], half(2, 6, 6, 4, 2, 16)[2]), "values of another width, 16, than keys"),
    (Attention(causal=True), half(2, 4, 6, 4, 2, 8), "causal attention of 4 queries to 6 keys"),
    (Attention(window=3), Q, "a window that is not causal, or with hidden keys"),
    (Attention(causal=True, window=3), (*Q, bp.Visibility(keys=LENGTHS[:2])), "or with hidden keys"),
    (Attention(), (*Q, bp.Visibility(start=np.int32(2))), "a start among the keys"),
    (Attention(), (*Q, bp.Visibility(segments=(SEGMENTS[:2], SEGMENTS[:2]))), "segments"),
    (Attention(), (*Q, bp.Visibility(keys=np.ones((2, 6), bool))), "keys as a mask, only as lengths"),
    (
        Attention(),
        (*half(2, 5, 6, 4, 2, 8), bp.Visibility(mask=MASK[:, :, :5])),
        "a mask or bias of odd lengths, 5 and 6",
    ),
    (Attention(), (*Q, bp.Visibility(bias=np.zeros((1, 1, 6, 6), np.float32))), "a bias of another dtype than q"),
]


@pytest.mark.parametrize(("layer", "x", "problem"), REFUSED, ids=[problem for *_, problem in REFUSED])
def test_what_the_kernels_do_not_take_is_done_by_tiles(
    layer: bp.Layer, x: tuple[Any, ...], problem: str, calls: list[str]
) -> None:
    state = jax.random.key(0)
    jax.eval_shape(layer.forward, (), state, x)
    assert not calls
    with pytest.raises(ValueError, match=rf"DotProductAttention.*: cudnn takes no .*{problem}.*implementation=None"):
        jax.eval_shape(replace(layer, implementation="cudnn").forward, (), state, x)


def test_who_chooses(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def choice(layer: bp.Layer) -> bool:
        calls.clear()
        jax.eval_shape(layer.forward, (), jax.random.key(0), Q)
        return bool(calls)

    assert choice(bp.eval_mode(Attention(rate=0.1)))
    assert not choice(Attention(implementation="tiles"))
    assert not choice(Attention(tile=(4, 4)))
    monkeypatch.setattr(dot_product, "has_kernels", lambda: False)
    assert not choice(Attention())
    assert choice(Attention(implementation="cudnn"))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="JAX's default device is no CPU")
def test_a_cpu_has_none_of_the_kernels() -> None:
    assert not dot_product.has_kernels()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"implementation": "xla"}, "needs an implementation of 'tiles', 'cudnn' or None, not 'xla'"),
        ({"implementation": "cudnn", "tile": (4, 4)}, r"by cudnn takes no tile, but was given \(4, 4\)"),
    ],
)
def test_other_implementations_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"DotProductAttention {message}"):
        Attention(**options)


def test_models_have_them_in_their_blocks(calls: list[str]) -> None:
    """Their residuals go through scan, and what is computed again has them too."""
    model = bp.models.gpt(11, 6, 16, 2, 2, recompute="block")
    loss = bp.models.LanguageModelLoss(model, bp.losses.LinearCrossEntropy(11))
    tokens = np.arange(12).reshape(2, 6) % 11
    params, state = jax.eval_shape(model.init, jax.random.key(0), tokens)
    params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16), params)
    gradient = bp.value_and_grad(loss)
    _, dparams = jax.eval_shape(gradient, params, state, (tokens, tokens))
    assert jax.tree.structure(dparams) == jax.tree.structure(params)
    assert set(calls) == {"cudnn"}


@pytest.mark.parametrize("data", [None, bp.Visibility(bias=jnp.zeros((1, 1, 6, 6), jnp.bfloat16))], ids=["", "bias"])
def test_both_passes_call_cudnn(data: bp.Visibility | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As lowered for a GPU, which needs none."""
    monkeypatch.setattr("jax._src.cudnn.fused_attention_stablehlo.check_cudnn_version", lambda: 91100)
    layer = bp.SelfAttention(4, 2, Attention(causal=True, implementation="cudnn"))
    layer, x = (layer, Q) if data is None else (layer.attention, (*Q, data))
    if data is None:
        (x,) = in_half(normal(2, 6, 8 * 8))

    def step(x: Any) -> Any:
        y, _, residuals = layer.forward((), (), x)
        return layer.backward((), residuals, y)

    checks = [export.DisabledSafetyCheck.custom_call(name + back) for name in NAMES for back in ("", "Backward")]
    text = export.export(jax.jit(step), platforms=["cuda"], disabled_checks=checks)(x).mlir_module()
    called = NAMES[0] if data is None else NAMES[1]
    assert f"@{called}(" in text
    assert f"@{called}Backward(" in text


NAMES = "__cudnn$fmhaSoftmax", "__cudnn$fmhaScaleBiasSoftmax"
