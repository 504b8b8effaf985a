"""Muon, with Adam for what is no matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backprop_jax.optim.combining import chain
from backprop_jax.optim.directions.orthogonal_momentum import scale_by_muon
from backprop_jax.optim.directions.weight_matrices import NumbersOrFunction, muon_labels, scale_by_shape
from backprop_jax.optim.hyperparameters import Scalar
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.limits.weight_decay import add_decayed_weights
from backprop_jax.optim.recipes.adaptive_moments import adamw
from backprop_jax.optim.scaling import scale_by_learning_rate
from backprop_jax.optim.schedules.basic import ScalarOrSchedule
from backprop_jax.optim.wrappers.partitioning import partition

_STANDARD = (3.4445, -4.7750, 2.0315)
_PRESETS = {
    "standard": _STANDARD,
    "dion": (
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
}


def muon(
    learning_rate: ScalarOrSchedule,
    ns_coeffs: Any = _STANDARD,
    ns_steps: int = 5,
    beta: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: PyTree | Callable[[PyTree], PyTree] | None = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Scalar = 0.9,
    adam_b2: Scalar = 0.999,
    adam_eps_root: Scalar = 0.0,
    adam_weight_decay: ScalarOrSchedule = 0.0,
    adam_learning_rate: ScalarOrSchedule | None = None,
    muon_weight_dimension_numbers: NumbersOrFunction | None = None,
    consistent_rms: Scalar | None = None,
) -> partition:
    """Muon: steps whose matrices have singular values near one; AdamW for the parameters that are no matrices.

        p <- p - learning_rate (f u + weight_decay p),   u as in `scale_by_muon`, f as in `scale_by_shape`

    `muon_weight_dimension_numbers` are those of `scale_by_muon`; what has None there is Adam's. By default the
    parameters of two axes are Muon's. `ns_coeffs` may also be "standard" or "dion". `adam_learning_rate` is the
    learning rate if it is None.

    State:  `PartitionState` with that of a chain of `scale_by_muon`, `scale_by_shape`, `add_decayed_weights` and
            `scale_by_learning_rate` at "muon", and that of `adamw` at "adam".
    Raises: as `scale_by_muon` and `adamw`; ValueError for another name of coefficients; at update if `params` is
            missing.
    Source: Jordan et al., 2024, "Muon"; weight decay and consistent_rms: Liu et al., 2025, arXiv:2502.16982; the
            coefficients "dion": Ahn et al., 2025, arXiv:2504.05295.
    """
    if isinstance(ns_coeffs, str):
        if ns_coeffs not in _PRESETS:
            raise ValueError(f"muon: ns_coeffs must be numbers or one of {list(_PRESETS)}, got {ns_coeffs!r}")
        ns_coeffs = _PRESETS[ns_coeffs]
    numbers = muon_weight_dimension_numbers
    direction = scale_by_muon(
        ns_coeffs,
        ns_steps,
        beta,
        eps,
        mu_dtype,
        nesterov=nesterov,
        adaptive=adaptive,
        preconditioning=preconditioning,
        weight_dimension_numbers=numbers,
    )
    for_matrices = chain(
        direction,
        scale_by_shape(numbers, consistent_rms),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    for_others = adamw(
        learning_rate if adam_learning_rate is None else adam_learning_rate,
        adam_b1,
        adam_b2,
        eps,
        adam_eps_root,
        mu_dtype,
        adam_weight_decay,
        nesterov=nesterov,
    )
    return partition({"muon": for_matrices, "adam": for_others}, muon_labels(numbers))
