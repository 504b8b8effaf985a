from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.case import Case
from tests.optim.oracle import ours
from tests.optim.rows import RECIPES, TRANSFORMS

LAYER = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "b": jax.ShapeDtypeStruct((3,), jnp.bfloat16)}
SHAPES = {"encoder": LAYER, "head": LAYER, "nothing": None}


def by_path(optimizer: Any, shapes: Any = SHAPES) -> dict[str, Any]:
    return {leaf.path: leaf for leaf in optim.describe(optimizer, shapes).leaves}


def test_table() -> None:
    optimizer = optim.groups({"*/b": optim.sgd(0.1, 0.9)}, default=optim.adamw(0.1, mask=optim.not_matching("head/*")))
    assert str(optim.describe(optimizer, SHAPES)).splitlines() == [
        "path       parameter      transform   decay  parameters  state bytes",
        "encoder/b  bfloat16[3]    (1)             -           3            6",
        "encoder/w  float32[2, 3]  (2)        0.0001           6           48",
        "head/b     bfloat16[3]    (1)             -           3            6",
        "head/w     float32[2, 3]  (3)             -           6           48",
        "shared                                                             4",
        "total                                                18          112",
        "",
        f"(1) {optim.sgd(0.1, 0.9)!r}",
        f"(2) {optim.adamw(0.1)!r}",
        f"(3) {optim.adam(0.1)!r}",
    ]


def test_members_of_a_chain_act_in_order_and_masks_are_resolved() -> None:
    labels = {"encoder": {"w": "a", "b": "b"}, "head": "b", "nothing": None}
    parts = optim.partition({"a": optim.scale(2.0), "b": optim.identity()}, labels)
    inner = optim.named_chain(("first", parts), ("second", optim.masked(optim.trace(0.9), optim.matching("*/w"))))
    acting = by_path(optim.chain(optim.clip_by_global_norm(1.0), inner))
    assert acting["encoder/w"].transform == optim.chain(
        optim.clip_by_global_norm(1.0), optim.scale(2.0), optim.trace(0.9)
    )
    assert acting["head/b"].transform == optim.chain(optim.clip_by_global_norm(1.0), optim.identity())
    assert acting["head/w"].state_bytes == 24 and acting["head/b"].state_bytes == 0


def test_a_wrapper_is_shown_around_what_acts_within_it() -> None:
    acting = by_path(optim.MultiSteps(optim.groups({"head/*": optim.scale(2.0)}, default=optim.sgd(0.1)), 4))
    assert acting["head/w"].transform == optim.MultiSteps(optim.scale(2.0), 4)
    assert acting["encoder/b"].transform == optim.MultiSteps(optim.sgd(0.1), 4)


def test_decay() -> None:
    schedule = optim.cosine_decay_schedule(0.1, 10)
    assert by_path(optim.adamw(0.1, weight_decay=schedule))["head/b"].decay == schedule
    twice = optim.chain(optim.add_decayed_weights(0.25), optim.add_decayed_weights(0.5, optim.matrices_only))
    acting = by_path(twice)
    assert acting["head/w"].decay == (0.25, 0.5) and acting["head/b"].decay == 0.25
    assert "  0.25, 0.5  " in str(optim.describe(twice, SHAPES))
    # What a closure hides is not claimed to be absent.
    hidden = optim.groups({"head/*": optax.adamw(0.1)}, default=optim.sgd(0.1))
    assert by_path(hidden)["head/b"].decay == "?" and by_path(hidden)["encoder/b"].decay is None
    assert str(optim.describe(hidden, SHAPES)).endswith(") optax.chain")
    injected = optim.inject_hyperparams(optim.adamw)
    assert by_path(injected(0.1, weight_decay=0.5))["head/b"].decay == 0.5
    assert by_path(injected(0.1, mask=optim.matrices_only))["head/b"].decay == "?"


def test_where_nothing_acts() -> None:
    optimizer = optim.masked(optim.adam(0.1), optim.matching("head/*"))
    leaf = by_path(optimizer)["encoder/w"]
    assert leaf.transform is None and leaf.decay is None and leaf.state_bytes == 0
    assert "encoder/w  float32[2, 3]  -" in str(optim.describe(optimizer, SHAPES))


def test_parameters_of_one_array_and_of_none() -> None:
    [leaf] = optim.describe(optim.adam(0.1), jax.ShapeDtypeStruct((5,), jnp.float32)).leaves
    assert leaf.state_bytes == 40
    empty = optim.describe(optim.adam(0.1), {})
    assert empty.leaves == () and empty.state_bytes == empty.shared_bytes == 4


def test_states_of_other_shapes_belong_to_their_parameter() -> None:
    # 200 x 300 numbers are factored into a row and a column, and "a/a" is the longer match for its own.
    shapes = {"a": {"a": jax.ShapeDtypeStruct((200, 300), jnp.float32)}, "b": jax.ShapeDtypeStruct((4,), jnp.float32)}
    acting = by_path(optim.scale_by_factored_rms(), shapes)
    assert acting["a/a"].state_bytes == 4 * (200 + 300 + 1) and acting["b"].state_bytes == 4 * (1 + 1 + 4)


def test_nothing_is_run() -> None:
    huge = {"w": jax.ShapeDtypeStruct((1 << 20, 1 << 20), jnp.float32)}
    assert optim.describe(optim.adamw(0.1, mask=optim.matrices_only), huge).state_bytes == 2 * 4 * 2**40 + 4


def test_parameters_of_flax() -> None:
    nnx = pytest.importorskip("flax.nnx")
    params = nnx.state(nnx.Linear(2, 3, rngs=nnx.Rngs(0)))
    acting = by_path(optim.adamw(0.1, mask=optim.matching("kernel")), params)
    assert acting["kernel"].state_bytes == 48 and acting["kernel"].decay == 1e-4 and acting["bias"].decay is None


@pytest.mark.parametrize(
    "case", [case for rows in (TRANSFORMS, RECIPES) for cases in rows.values() for case in cases], ids=str
)
@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_every_optimizer_is_described(case: Case) -> None:
    optimizer = ours(case.text)
    summary = optim.describe(optimizer, case.shapes)
    state = jax.eval_shape(optimizer.init, case.shapes)
    total = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    assert summary.state_bytes == total == summary.shared_bytes + sum(leaf.state_bytes for leaf in summary.leaves)
    assert len(str(summary).splitlines()) > len(summary.leaves)
