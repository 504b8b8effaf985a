"""The hyper-parameters that all convolutions have."""

import pytest

import backprop_jax as bp

LAYERS = [bp.Conv, bp.ConvTranspose]


@pytest.mark.parametrize("make", LAYERS)
def test_lists_make_the_value_that_tuples_make(make) -> None:
    ours = make(4, [3, 2], [1, 2], [1, [0, 1]], kernel_dilation=[2, 1], feature_group_count=2)
    theirs = make(4, (3, 2), (1, 2), ((1, 1), (0, 1)), kernel_dilation=(2, 1), feature_group_count=2)
    assert ours == theirs and hash(ours) == hash(theirs) and repr(ours) == repr(theirs)
    assert ours != make(4, (3, 2), (2, 1), ((1, 1), (0, 1)), kernel_dilation=(2, 1), feature_group_count=2)
    assert make(4, (3,), padding="same") == make(4, (3,))
    assert (
        repr(make(4, (3,), strides=2, padding=1))
        == f"{make.__name__}(features=4, kernel_size=(3,), strides=2, padding=1)"
    )


def test_a_list_of_output_padding_too() -> None:
    ours, theirs = (bp.ConvTranspose(4, (3,), 2, 1, more) for more in ([1], (1,)))
    assert ours == theirs and hash(ours) == hash(theirs)


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 0}, "a whole number of features, 1 or more, not 0"),
        ({"features": 2.0}, "a whole number of features, 1 or more, not 2.0"),
        ({"kernel_size": 3}, "kernel_size with one number for each of 1 to 3 spatial axes, not 3"),
        ({"kernel_size": ()}, r"kernel_size with one number for each of 1 to 3 spatial axes, not \(\)"),
        ({"kernel_size": (1, 1, 1, 1)}, "kernel_size with one number for each of 1 to 3 spatial axes"),
        ({"kernel_size": None}, "kernel_size with one number for each of 1 to 3 spatial axes, not None"),
        ({"kernel_size": (3, 0)}, r"kernel_size of 2 whole numbers, 1 or more, .* not \(3, 0\)"),
        ({"kernel_size": (3.0, 3)}, "kernel_size of 2 whole numbers, 1 or more"),
        ({"strides": 0}, "strides of 2 whole numbers, 1 or more, .* not 0"),
        ({"strides": (1,)}, r"strides of 2 whole numbers, 1 or more, .* not \(1,\)"),
        ({"kernel_dilation": (1, 0)}, "kernel_dilation of 2 whole numbers, 1 or more"),
        ({"padding": "FULL"}, "padding SAME, VALID, CIRCULAR, or numbers, not 'FULL'"),
        ({"padding": -1}, "padding of one number or pair for each of 2 axes, not -1"),
        ({"padding": (1,)}, r"padding of one number or pair for each of 2 axes, not \(1,\)"),
        ({"feature_group_count": 4}, "feature_group_count that divides its 6 features, not 4"),
        ({"feature_group_count": 0}, "feature_group_count that divides its 6 features, not 0"),
        ({"feature_group_count": 2.0}, "feature_group_count that divides its 6 features, not 2.0"),
    ],
)
def test_bad_hyper_parameters(make, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{make.__name__} needs .*{message}"):
        make(**{"features": 6, "kernel_size": (3, 3), **arguments})
