"""Signs, norms, noise and averages of the gradient: the transforms and recipes that are made of them."""

from dataclasses import dataclass
from typing import Any

from tests.optim.case import REAL, Case

MASK = "{'w': False, 'b': True, 'wave': True}"
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"
# optax's noise in half precision is tested in test_noise.py: the oracle widens half-precision leaves, and normal
# numbers drawn in another dtype are other numbers.
WIDE = ("float32", "complex64")


@dataclass(frozen=True)
class WithoutScalars(Case):
    """optax's distance over gradients gives a scalar the update shape (1,)."""

    @property
    def shapes(self) -> dict[str, Any]:
        return {name: shape for name, shape in super().shapes.items() if name != "wave"}


TRANSFORMS = {
    "scale_by_sign": ["scale_by_sign()"],
    "scale_by_lion": [
        "scale_by_lion()",
        Case("scale_by_lion(0.8, 0.95, jnp.bfloat16, mode='smooth', smooth_beta=2.0)", REAL),
        "scale_by_lion(b1=0.5, mode='refined')",
    ],
    "scale_by_rprop": [
        Case("scale_by_rprop(0.1)", REAL),
        Case("scale_by_rprop(0.1, 0.6, 1.5, min_step_size=0.05, max_step_size=0.2)", REAL),
    ],
    "scale_by_optimistic_gradient": ["scale_by_optimistic_gradient()", "scale_by_optimistic_gradient(0.5, beta=2.0)"],
    "scale_by_trust_ratio": [
        "scale_by_trust_ratio()",
        "scale_by_trust_ratio(min_norm=2.5, trust_coefficient=0.1, eps=0.3)",
    ],
    "scale_by_param_block_norm": [
        "chain(scale_by_param_block_norm(), scale(-0.01))",
        "chain(scale_by_param_block_norm(min_scale=2.5), scale(-0.01))",
    ],
    "scale_by_param_block_rms": ["scale_by_param_block_rms()", "scale_by_param_block_rms(min_scale=0.9)"],
    "scale_by_distance_over_gradients": [
        WithoutScalars("scale_by_distance_over_gradients()", REAL),
        WithoutScalars("scale_by_distance_over_gradients(0.1, 1.0, jnp.bfloat16, global_scale=-1.0)", REAL),
    ],
    "normalize_by_update_norm": ["normalize_by_update_norm()", "normalize_by_update_norm(-2.0, eps=1.0)"],
    "centralize": ["centralize()"],
    "add_noise": [
        Case("add_noise(0.3, 0.55, 7)", WIDE),
        Case("add_noise(0.3, 0, jax.random.key(7))", WIDE),
        Case("add_noise(0.3, 1.0, key=jax.random.key(7, impl='rbg'))", WIDE),
        Case("add_noise(eta=0.3, gamma=0.55, seed=7)", WIDE),
    ],
    "ema": ["ema(0.9)", "ema(0.9, debias=False)", Case("ema(0.9, accumulator_dtype='bfloat16')", REAL)],
    "apply_every": ["apply_every()", "apply_every(k=3)"],
}
RECIPES = {
    "lion": [
        "lion(0.1)",
        Case(f"lion({COSINE}, 0.8, 0.95, 'bfloat16', weight_decay=constant_schedule(0.1), mask={MASK})", REAL),
    ],
    "sign_sgd": ["sign_sgd(0.1)", f"sign_sgd({COSINE})"],
    "signum": ["signum(0.1)", Case(f"signum({COSINE}, 0.5, accumulator_dtype='bfloat16')", REAL)],
    "rprop": [Case("rprop(0.1)", REAL), Case("rprop(0.1, 0.6, 1.5, 0.05, 0.2)", REAL)],
    # A schedule is tested in test_layer_norms.py: optax has no name for what becomes of it.
    "fromage": ["fromage(0.1)", "fromage(learning_rate=0.1, min_norm=2.5)"],
    "lars": [
        "lars(0.1)",
        f"lars({COSINE}, {COSINE}, {MASK}, 0.1, 0.5, trust_ratio_mask={MASK}, momentum=0.5, nesterov=True)",
    ],
    "lamb": ["lamb(0.1)", f"lamb({COSINE}, 0.8, 0.95, 1e-3, 1e-4, weight_decay={COSINE}, mask={MASK})"],
    "noisy_sgd": [
        Case("noisy_sgd(0.1, key=3)", WIDE),
        Case(f"noisy_sgd({COSINE}, 0.5, 0.1, jax.random.key(3))", WIDE),
        Case("noisy_sgd(0.1, seed=3)", WIDE),
    ],
    "optimistic_adam": [
        "optimistic_adam(0.1)",
        Case("optimistic_adam(0.1, 0.3, 0.8, 0.95, 1e-3, 1e-4, 'bfloat16', nesterov=False)", REAL),
    ],
    "optimistic_adam_v2": [
        "optimistic_adam_v2(0.1)",
        f"optimistic_adam_v2({COSINE}, alpha=0.5, beta=2.0, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4, nesterov=False)",
        Case("optimistic_adam_v2(0.1, mu_dtype='bfloat16')", REAL),
    ],
    "optimistic_gradient_descent": [
        "optimistic_gradient_descent(0.1)",
        f"optimistic_gradient_descent({COSINE}, 0.5, beta=2.0)",
    ],
}
