"""The names of leaves."""

import pytest

from backprop_jax.core.paths import by_path, path_name
from backprop_jax.core.static import Static


def test_leaves_stand_under_their_names_in_the_order_of_the_tree() -> None:
    tree = {"b": (1, None, [2]), "a": {"c": 3, "static": Static(4)}}
    assert list(by_path(tree).items()) == [("a/c", 3), ("b/0", 1), ("b/2/0", 2)]
    assert by_path(tree, is_leaf=lambda node: isinstance(node, tuple)) == {"a/c": 3, "b": (1, None, [2])}
    assert by_path(5) == {"": 5} and path_name(()) == ""


def test_one_name_for_two_is_refused() -> None:
    with pytest.raises(ValueError, match="two leaves have the path a/b"):
        by_path({"a/b": 1, "a": {"b": 2}})
