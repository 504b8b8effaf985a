import pytest

import backprop_jax as bp
from backprop_jax.core.children import Children

by_name = Children.of("chain", (), {"b": bp.ReLU(), "a": bp.Tanh()})


def test_pack_and_unpack_keep_the_order_of_the_layers() -> None:
    packed = by_name.pack([1, 2])
    assert packed == {"b": 1, "a": 2}
    assert by_name.unpack({"a": 2, "b": 1}) == (1, 2)  # as a dict comes back from jit: sorted
    assert by_name.zip({"a": 2, "b": 1}) == [(bp.ReLU(), 1), (bp.Tanh(), 2)]


def test_map_names_the_children() -> None:
    names = []
    Children.of("chain", (bp.ReLU(), bp.Tanh()), {}).map(lambda name, layer: names.append(name) or layer)
    by_name.map(lambda name, layer: names.append(name) or layer)
    assert names == ["0", "1", "b", "a"]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        by_name.pack([1])
