"""Two tasks that are hard for plain gradient descent: most inputs are rare, or the curvatures are far apart."""

import numpy as np

__all__ = ["narrow_valley", "rare_words"]


def rare_words(size: int, seed: int | tuple[int, ...], words: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Texts as the words that occur in them, most of which are rare, and which of two classes they are of.

        P(word k occurs) = 2 / (k + 2),   k = 0, 1, ...
        P(y = 1 | x)     = sigmoid(x w),  w normal with the standard deviation 2

    The weight of a rare word has a gradient in few mini-batches only, the case that Adagrad was made for.

    Shapes:   -> x (size, words) float32 of 0 and 1, y (size,) int32.
    Raises:   ValueError if size or words is less than 1.
    Source:   frequencies after Zipf's law; the case: Duchi, Hazan & Singer, 2011, JMLR 12, section 1.
    """
    if min(size, words) < 1:
        raise ValueError(f"rare words needs 1 text or more of 1 word or more, not {size} of {words}")
    rng = np.random.default_rng(seed)
    x = (rng.random((size, words)) < 2 / np.arange(2, words + 2)).astype(np.float32)
    return x, (x @ rng.normal(0, 2, words) + rng.logistic(size=size) > 0).astype(np.int32)


def narrow_valley(
    size: int, seed: int | tuple[int, ...], features: int = 30, condition: float = 1000.0
) -> tuple[np.ndarray, np.ndarray]:
    """Linear regression whose squared error is `condition` times more curved along some directions than others.

        x = z D^{1/2} R,   y = z 1 / sqrt(features),   z standard normal, R a rotation
        D diagonal, from 1 down to 1 / condition by equal factors

    The error can be brought to 0, and all directions weigh the same in y, so that those of small curvature must be
    learned too. R keeps the curvature off the axes, where a rate for each weight cannot undo it.

    Shapes:   -> x (size, features) float32, y (size, 1) float32.
    Raises:   ValueError if size or features is less than 1, or condition less than 1.
    """
    if min(size, features, condition) < 1:
        raise ValueError(
            f"the narrow valley needs size, features and condition of 1 or more, not {size}, {features} and {condition}"
        )
    rng = np.random.default_rng(seed)
    rotation, z = np.linalg.qr(rng.normal(size=(features, features)))[0], rng.normal(size=(size, features))
    x = z * np.geomspace(1, condition**-0.5, features) @ rotation
    return x.astype(np.float32), z.sum(1, keepdims=True).astype(np.float32) / np.float32(features**0.5)
