"""What optimizers see of the parameters when they are shown one stage's at a time."""

import jax
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


@pytest.mark.parametrize("clip", [optim.clip_by_global_norm(1.0), optax.clip_by_global_norm(1.0)])
def test_an_optimizer_that_couples_parameters_is_refused(clip) -> None:
    with pytest.raises(ValueError, match=r"each parameter by itself.*TwoPasses"):
        fused_update(OBJECTIVE, optim.chain(clip, optim.sgd(0.1)))


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
