"""What optax does not have: optimizers read, changed, grouped by paths and described."""

ELSEWHERE = {
    "describe": "inspection/test_describing.py",
    "groups": "inspection/test_grouping.py",
    "hyperparams": "inspection/test_changing.py",
    "matching": "inspection/test_decay_masks.py",
    "matrices_only": "inspection/test_decay_masks.py",
    "not_matching": "inspection/test_decay_masks.py",
    "replace_hyperparams": "inspection/test_changing.py",
    "with_hyperparams": "inspection/test_changing.py",
}
