import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import char_lm
from tests.models.gradients import assert_gradient_of_objective

TOKENS = np.random.default_rng(0).integers(0, 7, (2, 13), dtype=np.int32)


def test_gradient_in_the_middle_of_a_text() -> None:
    objective = bp.supervised(char_lm(7, width=3, features=4, layers=2, rate=0.5), bp.losses.CrossEntropy())
    first, second = (TOKENS[:, :6], TOKENS[:, 1:7]), (TOKENS[:, 6:12], TOKENS[:, 7:13])
    assert_gradient_of_objective(objective, second, before=first)


def test_a_text_in_pieces_is_a_text_in_one() -> None:
    model = char_lm(7, width=3, features=4)
    params, state = jax.jit(model.init)(jax.random.key(0), TOKENS)
    forward = jax.jit(model.forward)
    whole, _, _ = forward(params, state, TOKENS)
    pieces = []
    for piece in (TOKENS[:, :5], TOKENS[:, 5:6], TOKENS[:, 6:]):
        logits, state, _ = forward(params, state, piece)
        pieces.append(logits)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-5, atol=1e-6)


def test_layers_stand_where_they_should() -> None:
    cell = bp.recurrent(bp.LSTMCell(4), carry="state")
    dropout = bp.Dropout(0.5, broadcast_dims=(1,))
    assert char_lm(7, 3, 4, layers=2, rate=0.5) == bp.chain(
        embedding=bp.Embedding(7, 3),
        recurrent1=cell,
        dropout1=dropout,
        recurrent2=cell,
        dropout2=dropout,
        readout=bp.Dense(7),
    )
    gru = bp.recurrent(bp.GRUCell(4), carry="state")
    assert char_lm(7, 3, 4, cell="gru") == bp.chain(embedding=bp.Embedding(7, 3), recurrent1=gru, readout=bp.Dense(7))


@pytest.mark.parametrize("layers", [0, 1.0, -1])
def test_no_layers(layers) -> None:
    with pytest.raises(ValueError, match="char_lm needs 1 recurrent layer or more, a whole number, not"):
        char_lm(7, layers=layers)


def test_an_unknown_cell() -> None:
    with pytest.raises(ValueError, match="char_lm needs a cell of 'lstm', 'gru', not 'LSTM'"):
        char_lm(7, cell="LSTM")  # pyright: ignore[reportArgumentType]
