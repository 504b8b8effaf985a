"""What optax does not have: fewer bytes, fewer operations."""

ELSEWHERE = {
    "accumulate_in_momentum": "memory/test_momentum_accumulation.py",
    "compress_state": "memory/test_state_compression.py",
    "flat": "memory/test_packing.py",
    "master_weights": "memory/test_master_copy.py",
    "stochastic_rounding": "memory/test_bfloat16_rounding.py",
}
