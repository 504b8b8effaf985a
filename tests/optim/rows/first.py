"""The parts of sgd, adam and adamw."""

from tests.optim.case import REAL, Case

MASK = "{'w': False, 'b': True, 'wave': True}"
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"

TRANSFORMS = {
    "identity": ["identity()"],
    "trace": ["trace(0.9)", "trace(decay=0.9, nesterov=True)", Case("trace(0.9, accumulator_dtype='bfloat16')", REAL)],
    "scale_by_adam": [
        "scale_by_adam()",
        "scale_by_adam(0.8, 0.95, 1e-3, 1e-4, nesterov=True)",
        "scale_by_adam(b1=0.0, b2=0.0)",
        Case("scale_by_adam(mu_dtype=jnp.bfloat16)", REAL),
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
