from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.testing.cases import QUICK
from tests.catalogue import normal

X = normal(5, 6)
DEEP = bp.chain(hidden=bp.scan(bp.chain(fc=bp.Dense(6), act=bp.Tanh()), 3), readout=bp.Dense(2))
MODEL = bp.lora(DEEP, 2, alpha=3.0)


def _filled(params: Any) -> Any:
    """With adapters that are not at their start, where one of the two is zero."""
    numbers = np.random.default_rng(0)
    adapters = jax.tree.map(lambda leaf: jnp.asarray(numbers.normal(size=leaf.shape), leaf.dtype), params["adapters"])
    return params | {"adapters": adapters}


def test_a_stacked_kernel_has_an_adapter_for_each_step_and_the_product_is_added() -> None:
    params, _ = MODEL.init(jax.random.key(0), X)
    shapes = {path: (part["a"].shape, part["b"].shape) for path, part in params["adapters"].items()}
    assert shapes == {"hidden/fc/w": ((3, 6, 2), (3, 2, 6)), "readout/w": ((6, 2), (2, 2))}
    params = _filled(params)
    merged = bp.merge_lora(MODEL, params)
    part, base = params["adapters"]["hidden/fc/w"], np.asarray(params["base"]["hidden"]["fc"]["w"])
    for step in range(3):
        expected = base[step] + 3.0 / 2 * np.asarray(part["a"][step]) @ np.asarray(part["b"][step])
        np.testing.assert_allclose(merged["hidden"]["fc"]["w"][step], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(merged["hidden"]["fc"]["b"], params["base"]["hidden"]["fc"]["b"])


def test_it_starts_as_the_layer_and_the_merged_one_does_the_same() -> None:
    trained, state = DEEP.init(jax.random.key(1), X)
    params = MODEL.init_free(jax.random.key(2), trained)
    y, _, _ = DEEP.forward(trained, state, X)
    np.testing.assert_array_equal(MODEL.forward(params, state, X)[0], y)
    params = _filled(params)
    adapted, _, _ = MODEL.forward(params, state, X)
    assert not np.allclose(adapted, y, atol=0.1)
    np.testing.assert_allclose(DEEP.forward(bp.merge_lora(MODEL, params), state, X)[0], adapted, atol=1e-6)


def test_only_adapters_have_a_gradient_and_it_is_that_of_jax_grad() -> None:
    objective = bp.supervised(MODEL, bp.losses.MeanSquaredError())
    batch = X, normal(5, 2)
    params, state = objective.init(jax.random.key(0), batch)
    params = _filled(params)
    _, gradient = jax.jit(bp.value_and_grad(objective), compiler_options=QUICK)(params, state, batch)
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient["base"]))

    def plain(adapters: Any) -> jax.Array:
        merged = jax.tree.map(jnp.asarray, params["base"])
        for path, w in (("hidden", merged["hidden"]["fc"]), ("readout", merged["readout"])):
            part = adapters["hidden/fc/w" if path == "hidden" else "readout/w"]
            w["w"] = w["w"] + 1.5 * part["a"] @ part["b"]
        return jnp.mean((DEEP.forward(merged, state, X)[0] - batch[1]) ** 2)

    expected = jax.jit(jax.grad(plain), compiler_options=QUICK)(params["adapters"])
    assert jax.tree.structure(gradient["adapters"]) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(gradient["adapters"]), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


def test_the_optimizer_has_a_state_of_the_adapters_alone_and_the_base_stays() -> None:
    params, _ = MODEL.init(jax.random.key(0), X)
    params = _filled(params)
    optimizer = optim.groups({"base/*": optim.set_to_zero()}, default=optim.adamw(0.1, weight_decay=0.5))
    state = optimizer.init(params)
    numbers = sum(leaf.size for leaf in jax.tree.leaves(state) if leaf.ndim)
    assert numbers == 2 * sum(leaf.size for leaf in jax.tree.leaves(params["adapters"])) == 2 * (72 + 16)
    updates, _ = optimizer.update(jax.tree.map(jnp.ones_like, params), state, params)
    moved = optim.apply_updates(params, updates)
    jax.tree.map(np.testing.assert_array_equal, moved["base"], params["base"])
    changed = jax.tree.map(lambda new, old: bool((new != old).all()), moved["adapters"], params["adapters"])
    assert all(jax.tree.leaves(changed))


def test_where_chooses_kernels_by_their_paths() -> None:
    params, _ = bp.lora(DEEP, 1, where="readout/*").init(jax.random.key(0), X)
    assert list(params["adapters"]) == ["readout/w"]
    with pytest.raises(ValueError, match=r"'\*/c_attn/w' matches no kernel; there are hidden/fc/w, readout/w$"):
        bp.lora(DEEP, 1, where="*/c_attn/w").init(jax.random.key(0), X)


def test_bad_input_is_refused() -> None:
    for rank in 0, True, 1.5:
        with pytest.raises(ValueError, match="rank of 1 or more"):
            bp.lora(DEEP, rank)  # pyright: ignore[reportArgumentType]
    for alpha in 0, -1.0, float("nan"), True:
        with pytest.raises(ValueError, match="finite alpha above 0"):
            bp.lora(DEEP, 2, alpha)
    half = Fraction(3, 2)
    assert bp.lora(DEEP, 2, half) == bp.lora(DEEP, 2, 1.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"the rank 3 is more than readout/w \[6, 2\] has"):
        bp.lora(DEEP, 3).init(jax.random.key(0), X)
    with pytest.raises(TypeError, match="lora takes layers"):
        bp.lora(7, 3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="merge_lora takes what lora made"):
        bp.merge_lora(bp.reparameterize(bp.Dense(2), jnp.transpose), {})


def test_it_equals_itself_when_rebuilt_and_prints_what_it_is() -> None:
    assert bp.lora(DEEP, 2, alpha=3.0) == MODEL and hash(bp.lora(DEEP, 2, alpha=3.0)) == hash(MODEL)
    assert "AddAdapters(scale=1.5)" in repr(MODEL)
