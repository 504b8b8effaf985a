import jax
import pytest

import backprop_jax as bp
from tests.catalogue import normal


def test_the_other_components_have_no_cotangent() -> None:
    x = {"image": normal(2, 3), "label": normal(2)}
    y, _, residuals = bp.select("image").forward((), (), x)
    assert y is x["image"]
    assert bp.select("image").backward((), residuals, y) == ((), {"image": y, "label": None})
    assert bp.residual_bytes(bp.select("image"), x) == 0


def test_negative_positions_count_from_the_end() -> None:
    x = (normal(2), normal(3))
    y, _, residuals = bp.select(-1).forward((), (), x)
    assert bp.select(-1).backward((), residuals, y)[1] == (None, x[1])


@pytest.mark.parametrize(("component", "x"), [(2, (normal(1), normal(1))), ("text", {"image": normal(1)})])
def test_a_missing_component_is_named(component, x) -> None:
    with pytest.raises(ValueError, match=rf"select\({component!r}\) on an input whose components are"):
        jax.eval_shape(bp.select(component).forward, (), (), x)
