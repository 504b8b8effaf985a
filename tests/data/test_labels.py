import numpy as np
import pytest

from backprop_jax.data.labels import require_labels


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_label_without_a_class_is_named(wrong: int) -> None:
    require_labels("part example", np.array([0, 2, 1]), 3)
    with pytest.raises(ValueError, match=rf"part example 1 has label {wrong}, outside 0 to 2"):
        require_labels("part example", np.array([0, wrong, 1]), 3)
