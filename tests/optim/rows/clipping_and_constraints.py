"""Clipping, constraints, and transforms without a state."""

from tests.optim.case import REAL, Case

TRANSFORMS = {
    "clip": [Case("clip(0.5)", REAL), Case("clip(max_delta=10.0)", REAL)],
    "clip_by_block_rms": ["clip_by_block_rms(0.5)", "clip_by_block_rms(threshold=10.0)"],
    "adaptive_grad_clip": [
        "adaptive_grad_clip(0.5)",
        "adaptive_grad_clip(clipping=0.1, eps=20.0)",
        "adaptive_grad_clip(0.5, axis=())",
    ],
    "keep_params_nonnegative": ["keep_params_nonnegative()"],
    "zero_nans": ["zero_nans()"],
    "set_to_zero": ["set_to_zero()"],
    "stateless": ["stateless(add_share_of_params(-0.1))"],
    "stateless_with_tree_map": ["stateless_with_tree_map(f=add_share_of_params(-0.2))"],
}

ELSEWHERE = {
    "add_elastic_net": "limits/test_elastic_net.py",
    "apply_updates": "test_applying.py",
    "global_norm": "test_applying.py",
    "incremental_update": "test_applying.py",
    "per_example_global_norm_clip": "limits/test_per_example_clipping.py",
    "per_example_layer_norm_clip": "limits/test_per_example_clipping.py",
    "periodic_update": "test_applying.py",
    "safe_increment": "test_step_count.py",
}
