"""What the taps tell is what flows, in every model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import LayerTaps, Taps, with_taps
from tests.some_models import SOME_MODELS
from tests.test_catalogue import MODELS

QUICK = {"xla_backend_optimization_level": 0}


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def test_tell_of_a_network_worked_out_by_hand() -> None:
    objective = bp.supervised(bp.chain(a=bp.Dense(4), b=bp.ReLU(), c=bp.Dense(3)), losses.MeanSquaredError())
    x, target = draw(5, 6), draw(5, 3)
    params, state = objective.init(jax.random.key(0), (x, target))
    _, _, taps = jax.jit(with_taps(objective))(params, state, (x, target))

    (w1, b1), (w2, b2) = ((np.asarray(params[name]["w"]), np.asarray(params[name]["b"])) for name in "ac")
    a = x @ w1 + b1
    y = {"a": a, "b": np.maximum(a, 0), "c": np.maximum(a, 0) @ w2 + b2}
    dy = {"c": 2 * (y["c"] - target) / target.size}
    dy["b"] = dy["c"] @ w2.T
    dy["a"] = dy["b"] * (a > 0)
    assert list(taps) == ["a", "b", "c"]
    for path, tap in taps.items():
        for told, array in ((tap.activation, y[path]), (tap.cotangent, dy[path])):
            np.testing.assert_allclose(told.norm, np.linalg.norm(array), 1e-5)
            np.testing.assert_allclose(told.largest, np.abs(array).max(), 1e-5)
            np.testing.assert_allclose(told.dead, np.mean(~array.any(0)))
            assert told.values == array.size and told.not_finite == 0


def test_go_through_scan_remat_skip_and_tied_tables_as_if_unrolled() -> None:
    """Beside autodiff of the unrolled model, with zeros added to each activation whose gradients are the cotangents."""
    model = bp.models.gpt(12, 8, 8, 2, 2, recompute="block")
    objective = bp.models.LanguageModelLoss(model, losses.LinearCrossEntropy(12))
    tokens = np.arange(12).reshape(2, 6)
    batch = tokens, (tokens + 1) % 12
    params, state = jax.jit(objective.init, compiler_options=QUICK)(jax.random.key(0), batch)
    where = "body/h/mlp/c_fc|body/ln_f"
    tapped = jax.jit(with_taps(objective, Taps(where=where)), compiler_options=QUICK)
    (value, _), gradient, taps = tapped(params, state, batch)
    plain = jax.jit(bp.value_and_grad(objective), compiler_options=QUICK)(params, state, batch)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-4, 1e-6), (value, gradient), (plain[0][0], plain[1]))

    body = params["body"]
    block = model.body.children.layers[2].layer.layer
    attention = block.children.layers[0].layer

    def norm(entry, x):
        centred = x - x.mean(-1, keepdims=True)
        return entry["scale"] * centred / jnp.sqrt(jnp.var(x, -1, keepdims=True) + 1e-5) + entry["shift"]

    def unrolled(zeros):
        x = params["embedding"]["table"][tokens] + body["wpe"]["table"][:6]
        wide = []
        for step in range(2):
            block = jax.tree.map(lambda leaf, step=step: leaf[step], body["h"])
            x = x + attention.forward(block["attn"], jax.tree.map(lambda leaf: leaf[0], state["h"]["attn"]), x)[0]
            own = block["mlp"]
            wide.append(norm(own["norm"], x) @ own["c_fc"]["w"] + own["c_fc"]["b"] + zeros["c_fc"][step])
            out = own["act"]["c_proj"]
            x = x + jax.nn.gelu(wide[-1]) @ out["w"] + out["b"]
        hidden = norm(body["ln_f"], x) + zeros["ln_f"]
        logp = jax.nn.log_softmax(hidden @ params["embedding"]["table"].T)
        return -jnp.mean(jnp.take_along_axis(logp, batch[1][..., None], -1)), {"c_fc": jnp.stack(wide), "ln_f": hidden}

    zeros = {"c_fc": jnp.zeros((2, 2, 6, 32)), "ln_f": jnp.zeros((2, 6, 8))}
    differentiated = jax.jit(jax.value_and_grad(unrolled, has_aux=True), compiler_options=QUICK)
    (expected, y), dy = differentiated(zeros)
    np.testing.assert_allclose(value, expected, 1e-5)
    for name, axes in (("c_fc", (1, 2, 3)), ("ln_f", (0, 1, 2))):
        tap = taps[f"body/h/mlp/{name}" if name == "c_fc" else "body/ln_f"]
        for told, array in ((tap.activation, y[name]), (tap.cotangent, dy[name])):
            np.testing.assert_allclose(told.norm, np.sqrt(np.sum(np.square(array), axes)), 1e-4)
            np.testing.assert_allclose(told.largest, np.max(np.abs(array), axes), 1e-4)


def test_are_taken_at_every_third_step() -> None:
    objective = bp.supervised(bp.chain(bp.Flatten(), bp.Dense(3)), losses.CrossEntropy())
    batch = draw(4, 2, 3), np.array([0, 1, 2, 0])
    params, state = objective.init(jax.random.key(0), batch)
    step = jax.jit(with_taps(objective, Taps(every=3)))
    (taken, not_taken) = (step(params, state, batch, number) for number in (6, 7))
    jax.tree.map(np.testing.assert_array_equal, taken[:2], not_taken[:2])
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(not_taken[2]))
    told = taken[2]
    # What comes before the first parameters has no cotangent: it would cost a product that nobody needs.
    assert [float(part.values) for path in "01" for part in told[path]] == [24, 0, 12, 12]


@pytest.mark.parametrize("name", SOME_MODELS)  # traced, not compiled
def test_are_there_in_every_model(name: str) -> None:
    model, x = MODELS[name]
    objective = model if name.endswith("Loss") else bp.chain(model=model, loss=bp.from_function(_total))
    params, state = jax.eval_shape(objective.init, jax.random.key(0), x)
    outcome, gradient, taps = jax.eval_shape(with_taps(objective), params, state, x)
    assert jax.tree.structure(gradient) == jax.tree.structure(jax.tree.map(_if_float, params))
    assert jax.tree.structure(outcome[1]) == jax.tree.structure(state)
    paths = set()
    bp.rewrite_with_path(objective, lambda path, layer: paths.add(path) or layer)
    assert taps.keys() <= paths and len(taps) >= 2
    assert all(isinstance(tap, LayerTaps) for tap in taps.values())


def test_refuse_what_matches_nothing() -> None:
    objective = bp.supervised(bp.chain(a=bp.Dense(1), b=bp.ReLU()), losses.MeanSquaredError())
    batch = draw(2, 3), draw(2, 1)
    params, state = objective.init(jax.random.key(0), batch)
    with pytest.raises(ValueError, match="'head/\\*'; there are 'a', 'b'"):
        with_taps(objective, Taps(where="head/*"))(params, state, batch)
    for options in ({"every": 0}, {"sample": 1.5}, {"every": True}):
        with pytest.raises(ValueError, match="whole number of 1 or more"):
            Taps(**options)
    Taps(every=np.int64(2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="takes layers"):
        with_taps(jnp.sin)  # type: ignore[arg-type]


def _total(y) -> jax.Array:
    return sum(
        jnp.sum(leaf.astype(jnp.float32)) for leaf in jax.tree.leaves(y) if jnp.issubdtype(leaf.dtype, jnp.floating)
    )


def _if_float(leaf):
    return leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) else None
