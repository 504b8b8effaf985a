"""What each file of this folder begins with."""

import jax
import pytest

from tests.harvest.in_backward.small import BATCH, MODEL, gradient_of


@pytest.fixture(scope="package")
def begun():
    return MODEL.init(jax.random.key(0), BATCH[0])


@pytest.fixture(scope="package")
def gradient(begun):
    return gradient_of(MODEL, *begun)
