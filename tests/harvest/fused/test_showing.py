"""What optimizers see of the parameters when they are shown one stage's at a time."""

import jax
import numpy as np
import optax
import pytest

import backprop_jax as bp
from backprop_jax import losses, optim
from backprop_jax.harvest import fused_update
from tests.harvest.fused.models import BATCHES, OBJECTIVE, assert_steps_equal

BLOCKS = bp.chain(body=bp.chain(*[bp.Dense(3)] * 6), head=bp.Dense(2))
IN_BODY = lambda params: jax.tree_util.tree_map_with_path(lambda path, _: "body" in str(path[0]), params)


def test_groups_by_path_and_masks_by_shape_are_those_of_the_whole() -> None:
    # A scan's biases have two dimensions.
    decay = optim.adamw(0.1, weight_decay=0.5, mask=optim.matrices_only)
    grouped = optim.groups({"last/*": optim.sgd(0.1), "blocks/*/b": optim.set_to_zero()}, default=decay)
    assert_steps_equal(OBJECTIVE, fused_update(OBJECTIVE, grouped), grouped, BATCHES[:2])


@pytest.mark.parametrize(
    ("mask", "kinds"), [(optim.not_matching("*/b"), 2), (IN_BODY, 2), (optim.matching("body/3/*"), 3), (None, 2)]
)
def test_stages_that_are_treated_alike_share_a_program(mask, kinds: int) -> None:
    optimizer = optax.adamw(0.1, mask=mask)
    step = fused_update(bp.supervised(BLOCKS, losses.CrossEntropy()), optimizer, together=1)
    training = jax.eval_shape(lambda: step.start(*step.objective.init(jax.random.key(0), BATCHES[0])))
    programs = [program._replace(is_first=False) for program in training.programs.value[:-1]]  # but the loss
    assert len(programs) == 7 and len(set(programs)) == kinds


WARM_UP = optim.warmup_cosine_decay_schedule(0.0, 1e-3, 100, 1000)


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(1e-4)),
        optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(WARM_UP)),
        optim.chain(optim.clip_by_global_norm(1e-3), optim.sgd(1e-2)),
        optim.chain(optim.clip_by_global_norm(1e5), optim.sgd(0.1)),
        optax.MultiSteps(optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1e-6)), 3),
        optim.prodigy(),
    ],
    ids=["adamw", "warm-up", "low limit", "high limit", "several gradients", "prodigy"],
)
def test_an_optimizer_that_couples_parameters_is_refused(optimizer) -> None:
    with pytest.raises(ValueError, match=r"each parameter by itself.*TwoPasses"):
        fused_update(OBJECTIVE, optimizer)


@pytest.mark.parametrize(
    "optimizer", [optim.adamw(WARM_UP), optim.lion(1e-4), optim.adafactor(1e-3), optax.MultiSteps(optax.adam(0.1), 3)]
)
def test_an_optimizer_that_treats_each_by_itself_is_taken(optimizer) -> None:
    fused_update(OBJECTIVE, optimizer)


def test_stages_whose_arrays_differ_are_told_apart() -> None:
    rates = {name: np.array([rate], np.float32) for name, rate in (("0", 0.1), ("1", 0.2), ("2", 0.1))}
    rate = lambda path: rates.get(path[0].key, rates["0"])
    scaled = jax.jit(lambda gradient: jax.tree_util.tree_map_with_path(lambda path, g: g * rate(path), gradient))
    step = fused_update(bp.chain(*[bp.Dense(3)] * 3), optax.stateless(lambda gradient, _: scaled(gradient)), together=1)
    training = jax.eval_shape(lambda: step.start(*step.objective.init(jax.random.key(0), BATCHES[0][0])))
    first, second, third = (program.views for program in training.programs.value)
    assert first == third != second


def test_a_mask_that_reads_the_names_of_a_dict_is_that_of_the_whole() -> None:
    optimizer = optim.adamw(0.1, weight_decay=0.5, mask=lambda params: {name: name == "last" for name in params})
    assert_steps_equal(OBJECTIVE, fused_update(OBJECTIVE, optimizer), optimizer, BATCHES[:2])


def test_what_an_optimizer_lacks_is_told() -> None:
    for needs_loss in (optim.skip_loss_spikes(optim.sgd(0.1)), optax.polyak_sgd()):
        with pytest.raises(ValueError, match=r"no loss.*says: .*value"):
            fused_update(OBJECTIVE, needs_loss)
    by_index = lambda params: jax.tree_util.tree_map_with_path(lambda path, _: path[0].idx == 0, params)
    with pytest.raises(ValueError, match=r"says: .*idx"):
        fused_update(OBJECTIVE, optax.adamw(0.1, mask=by_index))


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.adamw(0.1, mask={"first": True, "blocks": False, "last": True}),
        optim.chain(optim.groups({"last/*": optim.sgd(0.1)}, default=optim.adamw(0.1))),
    ],
)
def test_masks_by_tree_and_inner_groups_are_refused(optimizer) -> None:
    with pytest.raises(ValueError, match=r"must be functions, such as optim.matching.*groups be outermost"):
        fused_update(OBJECTIVE, optimizer)


def test_a_pattern_that_fits_no_parameter_is_refused() -> None:
    step = fused_update(OBJECTIVE, optim.groups({"lost/*": optim.sgd(0.1)}, default=optim.sgd(1.0)))
    with pytest.raises(ValueError, match="no parameter matches 'lost/"):
        step.start(*OBJECTIVE.init(jax.random.key(0), BATCHES[0]))
