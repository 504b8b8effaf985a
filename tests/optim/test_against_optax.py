"""Every public transform, recipe and schedule, against optax and against the laws of `Transform`."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.case import Case
from tests.optim.oracle import InFloat32, assert_close, ours, params_and_gradients, theirs, train_side_by_side
from tests.optim.rows import ELSEWHERE, RECIPES, SCHEDULES, TRANSFORMS

OPTIMIZERS = [case for rows in (TRANSFORMS, RECIPES) for cases in rows.values() for case in cases]
EVERYTHING = OPTIMIZERS + [case for cases in SCHEDULES.values() for case in cases]
# What optax has deprecated is here too, and warns as it does there.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


def test_every_public_name_has_a_row() -> None:
    """Functions and transforms; classes with a capital are states and the like, which come with a transform."""
    rows = {*TRANSFORMS, *RECIPES, *SCHEDULES}
    names = {name for name in optim.__all__ if name[0].islower()}
    assert names <= rows | set(ELSEWHERE) <= set(optim.__all__)
    here = Path(__file__).parent
    for name, file in ELSEWHERE.items():
        assert name in (here / file).read_text(), f"{file} does not test {name}"
    for table in (TRANSFORMS, RECIPES, SCHEDULES):
        assert all(cases or name in ELSEWHERE for name, cases in table.items())


def test_all_is_complete_and_documented() -> None:
    for name in optim.__all__:
        assert getattr(optim, name).__doc__ or name in ("Schedule", "ScalarOrSchedule")
    modules = {value.__name__ for value in vars(optim).values() if inspect.ismodule(value)}
    public = {name for name in vars(optim) if not name.startswith("_") and f"{optim.__name__}.{name}" not in modules}
    assert public == set(optim.__all__)


def describe_default(default: Any) -> Any:
    """Functions and transforms are other objects than optax's: they are compared by their effect only."""
    kinds = {"a function": inspect.isfunction(default), "a transform": hasattr(default, "init")}
    return next((kind for kind, is_that in kinds.items() if is_that), default)


# Not chain: what is *transforms here is *args in optax.
@pytest.mark.parametrize("name", sorted({*TRANSFORMS, *RECIPES, *SCHEDULES} - {"chain"}))
def test_signature_is_that_of_optax(name: str) -> None:
    mine, other = (
        [(p.name, describe_default(p.default), p.kind) for p in inspect.signature(function).parameters.values()]
        for function in (getattr(optim, name), theirs(name))
    )
    assert mine == other


@pytest.mark.parametrize("case", OPTIMIZERS, ids=str)
def test_fifty_steps_equal_optax(case: Case) -> None:
    params, gradients = params_and_gradients(case.shapes)
    both = ours(case.text), InFloat32(theirs(case.text))
    mine, other = train_side_by_side(both, params, gradients, case.extra, case.gradient)
    assert_close(mine, other, case.tolerance)
    assert [leaf.dtype for leaf in jax.tree.leaves(mine)] == [leaf.dtype for leaf in jax.tree.leaves(other)]


@pytest.mark.parametrize("case", OPTIMIZERS, ids=str)
def test_state_is_laid_out_as_in_optax(case: Case) -> None:
    mine, other = (jax.eval_shape(optimizer.init, case.shapes) for optimizer in (ours(case.text), theirs(case.text)))
    describe = jax.tree_util.tree_leaves_with_path
    assert [(path, leaf.shape, leaf.dtype) for path, leaf in describe(mine)] == [
        (path, leaf.shape, leaf.dtype) for path, leaf in describe(other)
    ]
    # The classes differ, their names and fields do not: with optax's own state an optimizer continues in that.
    assert str(jax.tree.structure(mine)) == str(jax.tree.structure(other))
    _, continued = eval_update(ours(case.text), case, case.shapes, other)
    assert jax.tree.structure(continued) == jax.tree.structure(other)


def eval_update(optimizer: Any, case: Case, shapes: Any, state: Any) -> tuple[Any, Any]:
    def update(updates: Any, state: Any, params: Any) -> tuple[Any, Any]:
        return optimizer.update(updates, state, params, **case.extra(params, updates))

    return jax.eval_shape(update, shapes, state, shapes)


@pytest.mark.parametrize("case", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_laws_of_transform(case: Case, dtype: str) -> None:
    optimizer = ours(case.text)
    shapes = jax.tree.map(
        lambda leaf: leaf if leaf.dtype == jnp.complex64 else jax.ShapeDtypeStruct(leaf.shape, dtype), case.shapes
    )
    state = jax.eval_shape(optimizer.init, shapes)
    updates, new_state = eval_update(optimizer, case, shapes, state)
    assert updates == shapes
    # Equal down to the weak types: a weak one would compile the second step again.
    assert new_state == state and not any(leaf.weak_type for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("case", EVERYTHING, ids=str)
def test_is_a_value(case: Case) -> None:
    first, again = ours(case.text), ours(case.text)
    assert first == again and hash(first) == hash(again)
    assert ours(repr(first)) == first
    if case.reads_in_optax:
        theirs(repr(first))
    assert pickle.loads(pickle.dumps(first)) == first
    assert first != ours("scale(-0.7)") and first != ours("constant_schedule(-0.7)")


@pytest.mark.parametrize("case", [case for cases in SCHEDULES.values() for case in cases], ids=str)
def test_schedule_equals_optax(case: Case) -> None:
    mine, other = ours(case.text), theirs(case.text)
    counts = jnp.arange(25)
    assert_close(jax.jit(jax.vmap(mine))(counts), jax.vmap(other)(counts), 1e-6)
    for count in (3, 7.5, 10**9):
        assert_close([jnp.asarray(mine(count))], [jnp.asarray(other(count))], 1e-6)
