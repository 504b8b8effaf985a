"""A history as columns."""

import numpy as np
import pytest

from backprop_jax.plots.table import as_table, norms_of
from backprop_jax.train.text_stream import TextEpoch


def test_rows_become_columns_named_as_in_their_file() -> None:
    rows = [TextEpoch(n, 10 * n, 2.0 / n, 3.0 / n, 100.0, {"0": 0.1 * n, "2": 1.0}) for n in (1, 2)]
    table = as_table(rows)
    assert list(table)[:4] == ["epoch", "step", "train_loss", "validation_loss"]
    np.testing.assert_array_equal(table["validation_loss"], [3.0, 1.5])
    np.testing.assert_array_equal(norms_of(table)["0"], [0.1, 0.2])
    assert as_table(table).keys() == table.keys()


@pytest.mark.parametrize("history", [[], {}, {"loss": []}])
def test_nothing_is_refused(history: object) -> None:
    with pytest.raises(ValueError, match="no rows"):
        as_table(history)
