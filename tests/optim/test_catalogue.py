"""Every public transform, recipe and schedule, against optax and against the laws of `Transform`."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours, params_and_gradients, theirs, train, train_by_hand

TREE = {
    "w": jax.ShapeDtypeStruct((3, 4), jnp.float32),
    "wave": [jax.ShapeDtypeStruct((), jnp.complex64), None],
}
REAL = {"w": TREE["w"]}
MASK = "{'w': False, 'wave': True}"
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"

# name: cases, each a call that is valid for us and for optax
TRANSFORMS = {
    "identity": ["identity()"],
    "trace": ["trace(0.9)", "trace(decay=0.9, nesterov=True)", "trace(0.9, accumulator_dtype='bfloat16')"],
    "scale_by_adam": [
        "scale_by_adam()",
        "scale_by_adam(0.8, 0.95, 1e-3, 1e-4, nesterov=True)",
        "scale_by_adam(b1=0.0, b2=0.0)",
        "scale_by_adam(mu_dtype=jnp.bfloat16)",
    ],
    "scale": ["scale(-0.1)"],
    "scale_by_schedule": [f"scale_by_schedule({COSINE})"],
    "scale_by_learning_rate": [
        "scale_by_learning_rate(0.1)",
        "scale_by_learning_rate(None)",
        f"scale_by_learning_rate({COSINE}, flip_sign=False)",
    ],
    "add_decayed_weights": [
        "add_decayed_weights()",
        f"add_decayed_weights(0.1, mask={MASK})",
        f"add_decayed_weights({COSINE}, {MASK})",
    ],
    "clip_by_global_norm": ["clip_by_global_norm(1.5)", "clip_by_global_norm(100.0)"],
    "chain": ["chain(clip_by_global_norm(2.0), chain(trace(0.5), scale(-0.1)))"],
}
RECIPES = {
    "sgd": ["sgd(0.1)", f"sgd({COSINE}, momentum=0.9, nesterov=True)"],
    "adam": ["adam(0.1)", f"adam({COSINE}, 0.8, 0.9, 1e-6, 1e-6, nesterov=True)"],
    "adamw": ["adamw(0.1)", f"adamw({COSINE}, weight_decay=constant_schedule(0.1), mask={MASK}, nesterov=True)"],
}
SCHEDULES = {
    "constant_schedule": ["constant_schedule(0.3)"],
    "cosine_decay_schedule": [COSINE, "cosine_decay_schedule(2.0, 7, 0.1, 2.0)"],
    "warmup_cosine_decay_schedule": [
        "warmup_cosine_decay_schedule(0.0, 0.5, 5, 17, end_value=0.1)",
        "warmup_cosine_decay_schedule(0.2, 0.5, warmup_steps=0, decay_steps=10, exponent=1.5)",
        "warmup_cosine_decay_schedule(0.2, 0.0, 4, 10, end_value=0.1)",
    ],
}
OPTIMIZERS = [case for rows in (TRANSFORMS, RECIPES) for cases in rows.values() for case in cases]
EVERYTHING = OPTIMIZERS + [case for cases in SCHEDULES.values() for case in cases]


def shapes_of(case: str) -> Any:
    # A real accumulator cannot hold a complex gradient: optax drops the imaginary part, we refuse.
    return REAL if "bfloat16" in case else TREE


def is_transform(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, optim.Transform) and not inspect.isabstract(value)


def is_recipe(value: object) -> bool:
    return inspect.isfunction(value) and "learning_rate" in inspect.signature(value).parameters


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (is_transform, TRANSFORMS),
        (is_recipe, RECIPES),
        (lambda value: getattr(value, "__name__", "").endswith("_schedule") and not is_transform(value), SCHEDULES),
    ],
    ids=["transforms", "recipes", "schedules"],
)
def test_every_public_name_has_a_row(kind: Any, table: dict[str, list[str]]) -> None:
    assert {name for name in optim.__all__ if kind(getattr(optim, name))} == set(table)


def test_all_is_complete_and_documented() -> None:
    for name in optim.__all__:
        assert getattr(optim, name).__doc__ or name in ("Schedule", "ScalarOrSchedule")
    modules = {value.__name__ for value in vars(optim).values() if inspect.ismodule(value)}
    public = {name for name in vars(optim) if not name.startswith("_") and f"{optim.__name__}.{name}" not in modules}
    assert public == set(optim.__all__)


# Not chain: what is *transforms here is *args in optax.
@pytest.mark.parametrize("name", sorted({*TRANSFORMS, *RECIPES, *SCHEDULES} - {"chain"}))
def test_signature_is_that_of_optax(name: str) -> None:
    mine, other = (
        [(p.name, p.default, p.kind) for p in inspect.signature(getattr(module, name)).parameters.values()]
        for module in (optim, optax)
    )
    assert mine == other


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_twenty_steps_equal_optax(case: str) -> None:
    params, gradients = params_and_gradients(shapes_of(case))
    # optax rounds also the decay to the accumulator's dtype: 0.9 becomes 0.898.
    tolerance = 5e-2 if "bfloat16" in case else 1e-6
    mine, other = train(ours(case), params, gradients), train_by_hand(theirs(case), params, gradients)
    assert_close(mine, other, tolerance)
    assert [leaf.dtype for leaf in jax.tree.leaves(mine)] == [leaf.dtype for leaf in jax.tree.leaves(other)]


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_state_is_laid_out_as_in_optax(case: str) -> None:
    shapes = shapes_of(case)
    mine, other = (jax.eval_shape(optimizer.init, shapes) for optimizer in (ours(case), theirs(case)))
    describe = jax.tree_util.tree_leaves_with_path
    assert [(path, leaf.shape, leaf.dtype) for path, leaf in describe(mine)] == [
        (path, leaf.shape, leaf.dtype) for path, leaf in describe(other)
    ]
    # The classes differ, their names and fields do not: with optax's own state an optimizer continues in that.
    assert str(jax.tree.structure(mine)) == str(jax.tree.structure(other))
    _, continued = jax.eval_shape(ours(case).update, shapes, other, shapes)
    assert jax.tree.structure(continued) == jax.tree.structure(other)


@pytest.mark.parametrize("case", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_laws_of_transform(case: str, dtype: str) -> None:
    optimizer = ours(case)
    shapes = jax.tree.map(
        lambda leaf: leaf if leaf.dtype == jnp.complex64 else jax.ShapeDtypeStruct(leaf.shape, dtype), shapes_of(case)
    )
    state = jax.eval_shape(optimizer.init, shapes)
    updates, new_state = jax.eval_shape(optimizer.update, shapes, state, shapes)
    assert updates == shapes
    # Equal down to the weak types: a weak one would compile the second step again.
    assert new_state == state and not any(leaf.weak_type for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("case", EVERYTHING)
def test_is_a_value(case: str) -> None:
    first, again = ours(case), ours(case)
    assert first == again and hash(first) == hash(again)
    assert ours(repr(first)) == first
    theirs(repr(first))
    assert first != ours("scale(-0.7)") and first != ours("constant_schedule(-0.7)")


@pytest.mark.parametrize("case", [case for cases in SCHEDULES.values() for case in cases])
def test_schedule_equals_optax(case: str) -> None:
    mine, other = ours(case), theirs(case)
    counts = jnp.arange(25)
    assert_close(jax.jit(jax.vmap(mine))(counts), jax.vmap(other)(counts), 1e-6)
    assert_close([jnp.asarray(mine(3))], [jnp.asarray(other(3))], 1e-6)
