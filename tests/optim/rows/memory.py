"""What optax does not have: fewer bytes, fewer operations."""

OURS = {
    "accumulate_in_momentum": "test_momentum_accumulation.py",
    "compress_state": "test_state_compression.py",
    "flat": "test_packing.py",
    "master_weights": "test_master_copy.py",
}
