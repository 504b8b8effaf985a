"""Two tasks that tell whether a recurrent network remembers: one number early, or a row of symbols for long."""

import numpy as np

__all__ = ["adding_problem", "copy_task"]


def adding_problem(size: int, steps: int, seed: int | tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of numbers of which two are marked, and the sum of these two.

    The numbers are uniform in [0, 1); one of the first half and one of the second are marked by 1 where the others have
    0. Who answers 1 every time has the mean squared error 1/6, the variance of the sum.

    Shapes:   -> x (size, steps, 2) float32, each step a number and its mark; y (size, 1) float32.
    Raises:   ValueError if size is less than 1, or steps than 2.
    Source:   Hochreiter & Schmidhuber, 1997, Neural Computation 9(8), experiment 4; in the form of Le, Jaitly & Hinton,
              2015, arXiv:1504.00941, section 4.1.
    """
    if size < 1 or steps < 2:
        raise ValueError(f"the adding problem needs 1 sequence or more of 2 steps or more, not {size} of {steps}")
    rng = np.random.default_rng(seed)
    numbers, marks, rows = rng.random((size, steps), np.float32), np.zeros((size, steps), np.float32), np.arange(size)
    for first, end in ((0, steps // 2), (steps // 2, steps)):
        marks[rows, rng.integers(first, end, size)] = 1
    return np.stack([numbers, marks], axis=-1), (numbers * marks).sum(1, keepdims=True)


def copy_task(
    size: int, delay: int, seed: int | tuple[int, ...], length: int = 10, symbols: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Symbols to be told again after a delay.

        x   symbols (length), blanks (delay - 1), a delimiter, blanks (length)
        y   blanks (length + delay), the symbols (length)

    The symbols are 0 to `symbols - 1`, all as likely, the blank is the number `symbols` and the delimiter one more. Who
    knows all but the symbols has a mean cross-entropy of length · ln(symbols) / (delay + 2 length) nats.

    Shapes:   -> x and y (size, delay + 2 length) int32.
    Raises:   ValueError if size, delay or length is less than 1, or there are not two symbols.
    Source:   Arjovsky, Shah & Bengio, 2016, arXiv:1511.06464, section 5.1; Hochreiter & Schmidhuber, 1997.
    """
    if min(size, delay, length) < 1 or symbols < 2:
        raise ValueError(
            "the copy task needs size, delay and length of 1 or more and 2 symbols or more, not "
            f"{size}, {delay}, {length} and {symbols}"
        )
    told = np.random.default_rng(seed).integers(symbols, size=(size, length), dtype=np.int32)
    x, y = np.full((2, size, delay + 2 * length), symbols, np.int32)
    x[:, :length] = y[:, -length:] = told
    x[:, length + delay - 1] = symbols + 1
    return x, y
