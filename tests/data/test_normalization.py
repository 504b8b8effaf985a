import numpy as np
import pytest

from backprop_jax.data import ChannelStatistics, Examples, ImageDataset, channel_statistics, normalize

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(size=(300, 3, 2, 2)) * [1, 5] + [0, 7]  # more images than one chunk holds
TRAIN, OTHER = (Examples(x.astype(np.float32), np.zeros(len(x), int)) for x in (X, X[:4] + 100))
DATASET = ImageDataset("two", ("a",), TRAIN, OTHER, OTHER)


def test_statistics_are_those_of_numpy_in_float64() -> None:
    statistics = channel_statistics(TRAIN)
    pixels = TRAIN.x.astype(np.float64).reshape(-1, 2)
    np.testing.assert_allclose(statistics.mean, pixels.mean(0), rtol=1e-13)
    np.testing.assert_allclose(statistics.std, pixels.std(0), rtol=1e-13)


def test_a_small_variance_beside_a_large_mean_is_not_lost() -> None:
    x = np.where(np.arange(400).reshape(100, 2, 2, 1) % 2, 10_000.0, 10_000.5)
    assert channel_statistics(Examples(x, np.zeros(100, int))).std == pytest.approx((0.25,), rel=1e-12)


def test_a_constant_channel_becomes_zero() -> None:
    x = np.full((7, 3, 3, 1), 0.1, np.float32)
    examples = Examples(x, np.zeros(7, int))
    assert channel_statistics(examples).std == (1.0,)
    normalized = normalize(ImageDataset("grey", ("a",), examples, examples, examples), channel_statistics(examples))
    np.testing.assert_allclose(normalized.train.x, 0, atol=1e-7)


def test_all_parts_are_normalized_by_the_training_images() -> None:
    normalized = normalize(DATASET, channel_statistics(DATASET.train))
    np.testing.assert_allclose(normalized.train.x.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normalized.train.x.std((0, 1, 2)), 1, atol=1e-5)
    expected = (OTHER.x - X.mean((0, 1, 2))) / X.std((0, 1, 2))
    for part in (normalized.validation, normalized.test):
        np.testing.assert_allclose(part.x, expected, rtol=1e-5)
        assert (part.y == OTHER.y).all()


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ((), (), "each channel needs a mean and a std"),
        ((0.0,), (1.0, 1.0), "not 1 and 2 of them"),
        ((0.0,), (0.0,), "channel 0 needs a finite mean and a std above 0"),
        ((0.0, float("nan")), (1.0, 1.0), "channel 1 needs a finite mean"),
    ],
)
def test_what_cannot_normalize_is_refused(mean: tuple, std: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChannelStatistics(mean, std)


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="two has images of 2 channels, the statistics 1"):
        normalize(DATASET, ChannelStatistics((0.0,), (1.0,)))
    with pytest.raises(ValueError, match=r"of shape \(N, ..., C\), not \(2,\)"):
        channel_statistics(Examples(np.zeros(2), np.zeros(2, int)))
