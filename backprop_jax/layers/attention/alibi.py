"""Attention with linear biases: what is far away weighs less."""

__all__ = ["alibi_slopes"]


def alibi_slopes(heads: int) -> tuple[float, ...]:
    """The slope of each head: 2^(-8/n), 2^(-16/n), ... for n heads, a power of 2; between them, for another number.

    Source:   Press, Smith & Lewis, 2022, arXiv:2108.12409, section 3, and its code for other numbers.
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8 * (n + 1) / power) for n in range(power)]
    # Every other slope of twice as many heads fills the gaps.
    return (*slopes, *(2.0 ** (-4 * (2 * n + 1) / power) for n in range(heads - power)))
