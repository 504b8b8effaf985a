"""K-FAC multiplies by the inverse of the damped Kronecker product."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.harvest.curvature import Diagonal, Kronecker, kronecker_factors, kronecker_layout, scale_by_kfac
from backprop_jax.losses import CrossEntropy
from tests.harvest.curvature.tiny import CLASSES, PARAMS, X, mlp

RANDOM = np.random.default_rng(0)


def _positive(size: int) -> np.ndarray:
    rows = RANDOM.standard_normal((2 * size, size))
    return (rows.T @ rows / size).astype(np.float32)


W, B, S = (RANDOM.standard_normal(shape).astype(np.float32) for shape in ((3, 2), (2,), (4,)))
GRADIENT = {"w": jnp.asarray(W), "b": jnp.asarray(B), "scale": jnp.asarray(S), "other": jnp.ones(2)}


def _blocks() -> Any:
    return Kronecker(_positive(4), _positive(2), ("w", "b")), Diagonal(np.square(S), ("scale",))


BLOCKS, LATER = _blocks(), _blocks()
LAYOUT = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), BLOCKS)


def _expected(a: np.ndarray, g: np.ndarray, damping: float) -> np.ndarray:
    """By the whole matrix: (A + π √λ I) ⊗ (G + √λ / π I) solved for the gradient with the bias as its last row."""
    pi = np.sqrt(np.trace(a) / 4 / (np.trace(g) / 2))
    damped_a, damped_g = a + pi * np.sqrt(damping) * np.eye(4), g + np.sqrt(damping) / pi * np.eye(2)
    return np.linalg.solve(np.kron(damped_a, damped_g), np.concatenate([W, B[None]]).ravel()).reshape(4, 2)


def test_is_the_damped_inverse_of_the_average() -> None:
    """With two steps: the average after the second is of equal shares; the inverse is made at the first and third."""
    kfac = scale_by_kfac(LAYOUT, damping=0.1, inverse_every=2)

    @jax.jit
    def three(state: Any) -> Any:
        updates = []
        for blocks in (BLOCKS, LATER, LATER):
            update, state = kfac.update(GRADIENT, state, curvature=blocks)
            updates.append(update)
        return updates, state

    (first, second, third), state = three(kfac.init(GRADIENT))
    for update, a, g in (
        (first, BLOCKS[0].a, BLOCKS[0].g),
        (second, BLOCKS[0].a, BLOCKS[0].g),
        (third, (BLOCKS[0].a + 2 * LATER[0].a) / 3, (BLOCKS[0].g + 2 * LATER[0].g) / 3),
    ):
        expected = _expected(a, g, 0.1)
        np.testing.assert_allclose(update["w"], expected[:3], rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(update["b"], expected[3], rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(update["scale"], S / (np.square(S) + 0.1), rtol=1e-5)
        np.testing.assert_array_equal(update["other"], 1)  # which no block knows
    assert state.count == 3


def test_asks_for_exact_products() -> None:
    """The inverses' errors would be large beside what they leave of a gradient."""
    kfac = scale_by_kfac(LAYOUT)
    program = str(jax.make_jaxpr(lambda g: kfac.update(g, kfac.init(g), curvature=BLOCKS)[0])(GRADIENT))
    assert 0 < program.count("dot_general[") == program.count("precision=(Precision.HIGHEST")


def test_norm_constraint_bounds_the_length_in_the_metric_of_the_curvature() -> None:
    both = [scale_by_kfac(LAYOUT, 0.1, norm_constraint=bound) for bound in (None, 1e-3)]

    @jax.jit
    def run() -> Any:
        return [kfac.update(GRADIENT, kfac.init(GRADIENT), curvature=BLOCKS)[0] for kfac in both]

    free, bounded = run()
    square = sum(float(jnp.sum(free[name] * GRADIENT[name])) for name in GRADIENT)
    for name, update in free.items():
        np.testing.assert_allclose(bounded[name], np.sqrt(1e-3 / square) * update, rtol=1e-5)


def test_blocks_that_are_not_finite_count_for_nothing() -> None:
    """The first ones give no update; after such ones the next step is asked again, out of its turn."""
    kfac = scale_by_kfac(LAYOUT, 0.1, factors_every=2)
    bad = (Kronecker(BLOCKS[0].a, BLOCKS[0].g.copy(), ("w", "b")), BLOCKS[1])
    bad[0].g[0, 1] = np.nan

    @jax.jit
    def run() -> Any:
        state, told = kfac.init(GRADIENT), []
        for blocks in (bad, BLOCKS, LATER, bad, LATER):  # the third are not asked for
            updates, state = kfac.update(GRADIENT, state, curvature=lambda blocks=blocks: blocks)
            told.append((updates["w"], state))
        return told

    (nothing, _), (first, _), (_, before), (held, after), (_, last) = run()
    np.testing.assert_array_equal(nothing, 0)
    np.testing.assert_allclose(first, _expected(BLOCKS[0].a, BLOCKS[0].g, 0.1)[:3], rtol=2e-4, atol=1e-5)
    np.testing.assert_array_equal(held, first)
    jax.tree.map(np.testing.assert_array_equal, after, before)
    np.testing.assert_allclose(last.curvature[0].a, (BLOCKS[0].a + LATER[0].a) / 2, rtol=1e-5)


def test_calls_for_the_factors_only_when_they_are_due() -> None:
    """As a member of a chain: every third step's factors count, with shares as if there were no others.

    Given as they are they count at every step.
    """
    kfac = scale_by_kfac(LAYOUT, factors_every=3)
    optimizer = optim.chain(kfac, optim.scale_by_learning_rate(0.1))
    made = [jax.tree.map(lambda leaf, number=number: number * jnp.ones_like(leaf), BLOCKS) for number in range(5)]

    @jax.jit
    def run() -> Any:
        state = optimizer.init(GRADIENT)
        for blocks in made:
            _, state = optimizer.update(GRADIENT, state, GRADIENT, curvature=lambda blocks=blocks: blocks)
        each: Any = kfac.init(GRADIENT)
        for blocks in made:
            _, each = kfac.update(GRADIENT, each, curvature=blocks)
        return state[0].curvature[0].g, each.curvature[0].g

    when_due, at_each = run()
    np.testing.assert_allclose(when_due, 1.5 * np.ones((2, 2)), rtol=1e-5)  # the mean of the first's 0, the fourth's 3
    np.testing.assert_allclose(at_each, 2 * np.ones((2, 2)), rtol=1e-5)


def test_a_weight_or_bias_whose_partner_is_frozen_has_its_own_part_of_the_block() -> None:
    """By NumPy: the damped A without the partner's rows and columns."""
    kfac = scale_by_kfac(LAYOUT, damping=0.1)
    a, g = BLOCKS[0].a, BLOCKS[0].g
    pi = np.sqrt(np.trace(a) / 4 / (np.trace(g) / 2))
    damped_a, damped_g = a + pi * np.sqrt(0.1) * np.eye(4), g + np.sqrt(0.1) / pi * np.eye(2)
    without = lambda name: GRADIENT | {name: None}
    state = kfac.init(GRADIENT)
    both = jax.jit(lambda: [kfac.update(without(name), state, curvature=BLOCKS)[0] for name in ("w", "b")])
    of_bias, of_weight = both()
    assert of_bias["w"] is None and of_weight["b"] is None
    np.testing.assert_allclose(of_bias["b"], B / damped_a[3, 3] @ np.linalg.inv(damped_g), rtol=2e-4, atol=1e-5)
    expected = np.linalg.inv(damped_a[:3, :3]) @ W @ np.linalg.inv(damped_g)
    np.testing.assert_allclose(of_weight["w"], expected, rtol=2e-4, atol=1e-5)


def test_learns_faster_than_the_plain_gradient() -> None:
    """The whole way: factors of an objective, by extra, through a chain, under jit."""
    objective, batch = bp.supervised(mlp(), CrossEntropy()), (X, CLASSES)
    kfac = optim.chain(scale_by_kfac(kronecker_layout(objective, batch), 1e-2), optim.scale_by_learning_rate(0.3))
    factors = kronecker_factors(objective)

    def losses(optimizer: Any) -> jax.Array:
        def step(carry: Any, key: jax.Array) -> Any:
            params, state = carry
            (loss, _), gradient = bp.value_and_grad(objective)(params, ((), (), ()), batch)
            curvature = factors(params, ((), (), ()), batch, key)[1]
            extra = {"curvature": curvature} if optimizer is kfac else {}
            updates, state = optimizer.update(gradient, state, params, **extra)
            return (optim.apply_updates(params, updates), state), loss

        params = jax.tree.map(jnp.asarray, PARAMS)
        return jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(jax.random.key(0), 20))[1]

    by_kfac, by_gradient = jax.jit(lambda: (losses(kfac), losses(optim.sgd(0.3))))()
    assert by_kfac[-1] < 0.2 * by_gradient[-1]


def test_what_makes_no_sense_is_refused() -> None:
    options: list[tuple[str, Any]] = [("damping", -1.0), ("decay", 1.0), ("inverse_every", 0), ("norm_constraint", 0.0)]
    for option, value in options:
        with pytest.raises(ValueError, match=f"scale_by_kfac: {option} must be"):
            scale_by_kfac(LAYOUT, **{option: value})
    with pytest.raises(ValueError, match="scale_by_kfac: damping must be finite, got inf"):
        scale_by_kfac(LAYOUT, damping=np.inf)
    kfac = scale_by_kfac(LAYOUT)
    with pytest.raises(ValueError, match="the layout has the parameters b, params has not"):
        kfac.init({"w": W, "scale": S})
    state = kfac.init(GRADIENT)
    with pytest.raises(TypeError, match="scale_by_kfac: update needs curvature"):
        kfac.update(GRADIENT, state)
    with pytest.raises(ValueError, match="the layout has blocks for w, b, scale, the curvature for w, b; make both"):
        kfac.update(GRADIENT, state, curvature=BLOCKS[:1])
