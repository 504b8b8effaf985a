"""Optimizers that estimate the curvature of the objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop_jax.optim.combining import chain, identity
from backprop_jax.optim.directions.hessian_clipping import scale_by_sophia
from backprop_jax.optim.directions.hessian_diagonal import hutchinson_estimator_diag_hessian
from backprop_jax.optim.directions.limited_memory import scale_by_lbfgs
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.line_search.wolfe_search import scale_by_zoom_linesearch
from backprop_jax.optim.scaling import scale, scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule


def lbfgs(
    learning_rate: ScalarOrSchedule | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: Any = scale_by_zoom_linesearch(max_linesearch_steps=20, initial_guess_strategy="one"),
) -> chain:
    """L-BFGS: steps along an approximate inverse Hessian times the gradient, as long as a line search finds good.

        p <- p - η learning_rate u,   u as in `scale_by_lbfgs`, η as in `linesearch`

        updates, state = optimizer.update(grad, state, params, value=value, grad=grad, value_fn=value_fn)

    where value, grad = value_and_grad_from_state(value_fn)(params, state=state). For objectives without noise. The
    learning rate is 1 if not given; with linesearch None η is 1, and neither value nor value_fn is needed.

    State:  that of `scale_by_lbfgs`, the step count if learning_rate is a schedule, and that of the line search.
    Raises: ValueError for a negative or NaN learning rate, or a memory_size that is no whole number above 0;
            TypeError for a line search that is no transform; at update as `scale_by_lbfgs` and the line search.
    Source: Liu & Nocedal, 1989; Nocedal & Wright, Numerical Optimization, algorithm 7.5.
    """
    return chain(
        scale_by_lbfgs(memory_size, scale_init_precond),
        scale(-1.0) if learning_rate is None else scale_by_learning_rate(learning_rate),
        identity() if linesearch is None else linesearch,
    )


def sophia(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.965,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    weight_decay_mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    gamma: Scalar = 0.01,
    clip_threshold: Scalar | None = 1.0,
    update_interval: Scalar = 10,
    hessian_diagonal_fn: Any = hutchinson_estimator_diag_hessian(),
    mu_dtype: Any = None,
    verbose: bool = False,
    print_win_rate_every_n_steps: Scalar = 0,
) -> chain:
    """Sophia: Adam's average gradient over the Hessian's diagonal, clipped, with decoupled weight decay.

        p <- p - learning_rate (u + weight_decay p),   u as in `scale_by_sophia`

        updates, state = optimizer.update(grad, state, params, obj_fn=lambda params: loss(params, batch))

    `weight_decay_mask` says which leaves decay, as in `add_decayed_weights`.

    State:  that of `scale_by_sophia`, of `add_decayed_weights`, and the step count if learning_rate is a schedule.
    Raises: ValueError for a negative or NaN learning rate, and as `scale_by_sophia` and `add_decayed_weights`.
    Source: Liu et al., 2023, arXiv:2305.14342, algorithm 3.
    """
    return chain(
        scale_by_sophia(
            b1,
            b2,
            eps,
            gamma,
            clip_threshold,
            update_interval,
            hessian_diagonal_fn,
            mu_dtype,
            verbose,
            print_win_rate_every_n_steps,
        ),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
