"""Wrappers around a whole optimizer: accumulation, averages, learned scales, steps left out."""

from tests.optim.case import REAL, Case

WIDE = ("float32", "complex64")


def value(params, updates):
    """A loss that stops falling: the gradients are noise."""
    return {"value": abs(updates["w"]).sum()}


TRANSFORMS = {
    "MultiSteps": [
        Case("MultiSteps(adam(0.1), 4)", REAL),
        Case("MultiSteps(sgd(0.1, 0.9), constant_schedule(3), use_grad_mean=False)", ("float32",), tolerance=1e-5),
        Case("MultiSteps(adam(0.1), every_k_schedule=3, accumulator_dtype='complex64')", ("complex64",)),
    ],
    "apply_if_finite": ["apply_if_finite(adam(0.1), 3)", "apply_if_finite(inner=sgd(0.1), max_consecutive_errors=0)"],
    # Parameters and updates are a pair of trees: see test_slow_weights.py.
    "lookahead": [],
    "flatten": [
        Case("flatten(adam(0.1))", REAL),
        Case("flatten(inner=chain(clip_by_global_norm(1.0), trace(0.5)))", ("complex64",)),
    ],
    # What measures is a function, which has no repr that could be evaluated: see test_monitoring.py.
    "monitor": [],
    "measure_with_ema": [],
    "snapshot": [],
    "reduce_on_plateau": [
        Case("reduce_on_plateau(0.5, 3)", extra=value),
        Case("chain(sgd(0.1), reduce_on_plateau(patience=2, rtol=0.1, cooldown=3))", ("float32",), extra=value),
        Case("reduce_on_plateau(0.5, 2, 0.0, 0.1, cooldown=2, accumulation_size=3, min_scale=0.25)", extra=value),
    ],
    "schedule_free": [
        Case("schedule_free(sgd(0.1), 0.1)", WIDE, tolerance=5e-6),
        Case("schedule_free(base_optimizer=sgd(0.1), learning_rate=0.1, b1=0.95, weight_lr_power=0.0)", tolerance=0.1),
        Case("schedule_free(sgd(linear_schedule(0.0, 0.5, 9)), linear_schedule(0.0, 0.5, 9))", WIDE, tolerance=5e-6),
        # Like optax we round z before x is made of it, but the oracle, which calculates in float32, does not.
        Case("schedule_free(sgd(0.1), 0.1, state_dtype='bfloat16')", REAL, tolerance=0.1),
    ],
    "mechanize": [
        Case("mechanize(sgd(0.1), s_init=0.1)", ("float32",), tolerance=1e-4),
        Case(
            "mechanize(base_optimizer=adam(1.0), weight_decay=0.1, eps=1e-6, s_init=0.01, num_betas=3)",
            REAL,
            tolerance=1e-2,
        ),
    ],
    "normalize": ["normalize()"],
    "sam": [
        "sam(sgd(0.1), chain(normalize(), sgd(0.05)))",
        "sam(adam(0.1), adam(0.01), sync_period=3, reset_state=False)",
        Case(
            "sam(sgd(0.1), adv_optimizer=sgd(0.05, 0.9), sync_period=3, reset_state=False, opaque_mode=True)",
            extra=lambda params, updates: {"grad_fn": lambda params, i: params},
        ),
    ],
}
RECIPES = {
    "schedule_free_sgd": [
        Case("schedule_free_sgd()", WIDE, tolerance=5e-6),
        Case("schedule_free_sgd(0.5, warmup_steps=5, b1=0.8, weight_decay=0.1, weight_lr_power=1.0)", tolerance=0.1),
    ],
    "schedule_free_adamw": [
        Case("schedule_free_adamw()", WIDE, tolerance=5e-4),
        Case("schedule_free_adamw(0.1, 5, 0.8, 0.9, 1e-6, weight_decay=0.1)", WIDE, tolerance=5e-5),
    ],
}

# Pairs as parameters, functions that have no repr to evaluate, and functions that are no transforms.
ELSEWHERE = {
    "average_params": "wrappers/test_weight_averages.py",
    "averaged_params": "wrappers/test_weight_averages.py",
    "lookahead": "wrappers/test_slow_weights.py",
    "measure_with_ema": "wrappers/test_monitoring.py",
    "monitor": "wrappers/test_monitoring.py",
    "schedule_free_eval_params": "wrappers/test_averaged_iterates.py",
    "skip_loss_spikes": "wrappers/test_loss_spikes.py",
    "skip_large_updates": "wrappers/test_skipping.py",
    "skip_not_finite": "wrappers/test_skipping.py",
    "snapshot": "wrappers/test_monitoring.py",
}
