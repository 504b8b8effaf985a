from __future__ import annotations

import pytest

from backprop_jax.optim.inspection.tree_paths import leaf_paths, map_paths, matches

PARAMS = {"b": 0, "head": {"b": 1}, "layers": {0: {"b": 2}, 10: {"w": [3]}}, "nothing": None}
PATHS = ["b", "head/b", "layers/0/b", "layers/10/w/0"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*/b", ["b", "head/b", "layers/0/b"]),
        ("b", ["b"]),
        ("layers/*", ["layers/0/b", "layers/10/w/0"]),
        ("layers/?/*|head/*", ["head/b", "layers/0/b"]),
        ("head/b | */0", ["head/b", "layers/10/w/0"]),
        ("*", PATHS),
        ("*/B", []),
        ("/b", []),
        ("", []),
    ],
)
def test_patterns(pattern: str, found: list[str]) -> None:
    assert [path for path in PATHS if matches(path, pattern)] == found


def test_paths_are_keys_joined() -> None:
    assert leaf_paths(PARAMS) == PATHS
    assert map_paths(lambda path, leaf: (path, leaf), {"a": [7], "none": None}) == {"a": [("a/0", 7)], "none": None}
