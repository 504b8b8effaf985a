"""A gradient is changed where all of it is, and once."""

import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import OneBit, RandomK, clip_layers, compress_layers, freeze, noise_layers
from backprop_jax.harvest.in_backward.randomly_changed import RandomlyChanged
from tests.harvest.in_backward.small import MODEL


@pytest.mark.parametrize("kind", [bp.Embedding, losses.LinearCrossEntropy])
def test_a_tied_table_is_refused(kind) -> None:
    objective = bp.models.LanguageModelLoss(bp.models.gpt(12, 8, 8, 1, 2), losses.LinearCrossEntropy(12))
    changes = (
        lambda: freeze(objective, kind),
        lambda: clip_layers(objective, kind, 1.0),
        lambda: noise_layers(objective, kind, 1.0),
        lambda: compress_layers(objective, kind, OneBit()),
    )
    for change in changes:
        with pytest.raises(ValueError, match=rf"{kind.__name__} at '.*', whose parameters .* uses twice"):
            change()
    freeze(objective, bp.Dense)


def test_a_layer_within_a_selected_one_is_not_changed_twice() -> None:
    for selector, count in (("body*", 1), ("*", 1), ("body/*", 4), (bp.Dense, 3)):
        found: list[RandomlyChanged] = []

        def look(part, found=found):
            found.extend([part] if isinstance(part, RandomlyChanged) else [])
            return part

        bp.rewrite(compress_layers(MODEL, selector, RandomK(0.5)), look)
        assert len(found) == count
    twice = noise_layers(noise_layers(bp.Dense(3), bp.Dense, 1.0), bp.Dense, 1.0)
    assert isinstance(twice, RandomlyChanged) and isinstance(twice.layer, RandomlyChanged)
