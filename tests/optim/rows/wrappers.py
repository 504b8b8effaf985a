"""Wrappers that apply other transforms: to a part of the leaves, at some steps, with changing hyper-parameters."""

from tests.optim.case import REAL, Case

MASK = "{'w': False, 'b': True, 'wave': True}"
LABELS = "{'w': 'slow', 'b': 'fast', 'wave': ['fast', None]}"
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"
EARLY = "piecewise_constant_schedule(1.0, {7: 0.0})"

TRANSFORMS = {
    "masked": [
        f"masked(scale_by_adam(), {MASK})",
        "masked(inner=scale(-0.5), mask=True)",
        "masked(scale_by_adam(), False, mask_compatible_extra_args=True)",
        f"masked(masked(trace(0.5), {MASK}), {{'w': False, 'b': False, 'wave': [True, None]}})",
    ],
    "freeze": ["freeze(True)", f"freeze({MASK})"],
    "selective_transform": [
        f"selective_transform(scale_by_adam(), freeze_mask={MASK})",
        "selective_transform(trace(0.5), freeze_mask=False)",
    ],
    "partition": [
        f"partition({{'slow': scale(-0.01), 'fast': scale_by_adam(), 'unused': trace(0.9)}}, {LABELS})",
        "partition({1: sgd(0.1, momentum=0.9)}, 1, mask_compatible_extra_args=True)",
    ],
    "multi_transform": [f"multi_transform({{'slow': sgd({COSINE}), 'fast': trace(0.5)}}, param_labels={LABELS})"],
    "named_chain": [f"named_chain(('clip', clip_by_global_norm(2.0)), ('momentum', trace(0.5)), ('a', sgd({COSINE})))"],
    "conditionally_transform": [
        f"conditionally_transform(sgd(0.1, momentum=0.9), {EARLY})",
        f"conditionally_transform(inner=sgd({COSINE}), should_transform_fn={EARLY}, forward_extra_args=True)",
    ],
    "conditionally_mask": [
        f"conditionally_mask(sgd(0.1, momentum=0.9), {EARLY})",
        f"conditionally_mask(inner=sgd({COSINE}), should_transform_fn={EARLY}, forward_extra_args=True)",
    ],
    # In optax the hyper-parameters become complex where a parameter is, and then the updates of the others too.
    "inject_hyperparams": [
        Case("inject_hyperparams(scale_by_adam)(b2=0.95, nesterov=True)", REAL),
        Case(f"inject_hyperparams(adamw, 'b1', 'float32')({COSINE}, weight_decay={COSINE}, mask={MASK})", REAL),
        Case("inject_hyperparams(adam, static_args=['b1', 'b2'])(0.1)", REAL),
    ],
    "inject_stateful_hyperparams": [Case("inject_stateful_hyperparams(trace)(decay=0.9)", REAL)],
}
