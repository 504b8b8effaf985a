from typing import Any

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models.transformer_blocks import attention_part, feed_forward_part, post_norm_block, pre_norm_block
from tests.catalogue import normal
from tests.layers.normalization.running import run


def block(width: int, heads: int, hidden: int, norm_first: bool, activation: bp.Layer, recompute: Any) -> bp.Layer:
    norm = bp.LayerNorm(1e-5) if norm_first else None
    attention = attention_part(width, heads, norm=norm)
    feed_forward = feed_forward_part(width, hidden, activation=activation, norm=norm, recompute=recompute)
    return (pre_norm_block if norm_first else post_norm_block)(attention, feed_forward, recompute=recompute)


def as_params(weights: dict[str, np.ndarray], params: Any, norm_first: bool) -> Any:
    """PyTorch's parameters or gradients in the form of ours."""
    dense = lambda name: {"w": weights[f"{name}weight"].T, "b": weights[f"{name}bias"]}
    norm = lambda name: {"scale": weights[f"{name}.weight"], "shift": weights[f"{name}.bias"]}
    ours = {
        "c_attn": dense("self_attn.in_proj_"),
        "attn.c_proj": dense("self_attn.out_proj."),
        "c_fc": dense("linear1."),
        "mlp.c_proj": dense("linear2."),
        "attn.norm": norm("norm1"),
        "mlp.norm": norm("norm2"),
        "ln_1": norm("norm1"),
        "ln_2": norm("norm2"),
    }

    def find(path: Any, leaf: Any) -> np.ndarray:
        names = [entry.key for entry in path if hasattr(entry, "key")]
        place, part = names[-2], names[-1]
        array = ours[place if place in ours else f"{names[0]}.{place}"][part]
        assert array.shape == leaf.shape
        return array

    return jax.tree_util.tree_map_with_path(find, params)


@pytest.mark.parametrize("recompute", ["none", "norms", "block"])
@pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
@pytest.mark.parametrize(
    ("width", "heads", "hidden", "activation"), [(6, 3, 10, "gelu"), (512, 8, 2048, "relu")], ids=["tiny", "tutorial"]
)
def test_is_the_encoder_layer_of_pytorch(
    width: int, heads: int, hidden: int, activation: str, norm_first: bool, recompute: str
) -> None:
    if width == 512 and recompute != "norms":
        pytest.skip("the tiny one shows it")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.TransformerEncoderLayer(
        width, heads, hidden, dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first
    )
    for parameter in theirs.parameters():  # whose biases are 0 otherwise
        torch.nn.init.normal_(parameter, std=width**-0.5) if parameter.ndim > 1 else torch.nn.init.normal_(parameter)
    x, dy = normal(2, 7, width), normal(2, 7, width, scale=2.0)
    tensor = torch.tensor(x, requires_grad=True)
    y = theirs(tensor)
    y.backward(torch.tensor(dy))
    layer = block(width, heads, hidden, norm_first, bp.ReLU() if activation == "relu" else bp.GELU(False), recompute)
    shapes, _ = jax.eval_shape(layer.init, jax.random.key(0), x)
    _, state = layer.init(jax.random.key(0), x)
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert count == sum(parameter.numel() for parameter in theirs.parameters())
    params, expected = (
        as_params(
            {name: numbers(part).detach().numpy() for name, part in theirs.named_parameters()}, shapes, norm_first
        )
        for numbers in (lambda part: part, lambda part: part.grad)
    )
    ours_y, _, dparams, dx = run(layer, params, state, x, dy)
    pairs = ((ours_y, y.detach().numpy()), (dx, tensor.grad.numpy()), (dparams, expected))
    for ours, wanted in pairs:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5 * np.abs(b).max()), ours, wanted)


def test_numbers_of_the_tutorials_block() -> None:
    """4 (512² + 512) of attention, 2 · 512 · 2048 + 2048 + 512 of the feed-forward part, 4 · 512 of the norms."""
    layer = block(512, 8, 2048, False, bp.ReLU(), "norms")
    params, _ = jax.eval_shape(layer.init, jax.random.key(0), normal(1, 2, 512))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 1_050_624 + 2_099_712 + 2_048 == 3_152_384


def test_more_is_recomputed_less_is_saved() -> None:
    x = normal(2, 16, 32)
    saved = [
        bp.residual_bytes(block(32, 2, 128, True, bp.GELU(), recompute), x) for recompute in ("none", "norms", "block")
    ]
    assert saved[0] > saved[1] > saved[2]
    assert saved[2] == x.nbytes + 2 * 8  # and the keys of two Dropouts


def test_gated_feed_forward_is_swiglu() -> None:
    layer = feed_forward_part(3, 4, activation=bp.SiLU(), gated=True, recompute="none")
    x = normal(2, 5, 3)
    params, state = layer.init(jax.random.key(0), x)
    v, w = np.split(np.asarray(params["c_fc"]["w"]) * 50, 2, 1)
    params["c_fc"]["w"] = np.concatenate([v, w], 1)
    y, _, _ = layer.forward(params, state, x)
    gate = x @ w
    c_proj = params["act"]["c_proj"]
    expected = (gate / (1 + np.exp(-gate)) * (x @ v)) @ c_proj["w"] + c_proj["b"]
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-6)
    assert bp.residual_bytes(feed_forward_part(3, 4, activation=bp.SiLU(), gated=True), x) == 4 * 10 * (3 + 8)


def test_heads_that_do_not_divide_the_features() -> None:
    with pytest.raises(ValueError, match="8 features cannot be divided among 3 heads: choose a divisor"):
        attention_part(8, 3)


def test_grouped_queries_take_a_narrower_projection() -> None:
    part = attention_part(12, 6, num_kv_heads=2)
    params, _ = jax.eval_shape(part.init, jax.random.key(0), normal(2, 5, 12))
    assert params["project"]["c_attn"]["w"].shape == (12, 12 + 2 * 2 * 2)


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="8 features cannot be divided among 0 heads"):
        bp.models.attention_part(8, 0)
    with pytest.raises(ValueError, match="recompute is one of 'none', 'norms', 'block', not 'blocks'"):
        bp.models.gpt(11, 8, 8, 1, 2, recompute="blocks")
