"""What optax does not have: optimizers read, changed, grouped by paths and described."""

OURS = {
    "describe": "test_describing.py",
    "groups": "test_grouping.py",
    "hyperparams": "test_changing.py",
    "matching": "test_decay_masks.py",
    "matrices_only": "test_decay_masks.py",
    "not_matching": "test_decay_masks.py",
    "replace_hyperparams": "test_changing.py",
    "with_hyperparams": "test_changing.py",
}
