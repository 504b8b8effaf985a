"""Slow, obvious twins of the augmentations: one pixel at a time, straight from the definition."""

import math

import numpy as np


def rotate(image: np.ndarray, angle: float, fill: float) -> np.ndarray:
    """Counter-clockwise, as one sees it: rows run down."""
    height, width = image.shape[:2]
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    turned = np.zeros(image.shape)
    for row, column in np.ndindex(height, width):
        right, up = column - middle_column, middle_row - row
        from_right = right * math.cos(-angle) - up * math.sin(-angle)
        from_up = right * math.sin(-angle) + up * math.cos(-angle)
        turned[row, column] = _bilinear(image, middle_row - from_up, middle_column + from_right, fill)
    return turned


def _bilinear(image: np.ndarray, row: float, column: float, fill: float) -> np.ndarray:
    total = np.zeros(image.shape[2:])
    for r, c in np.ndindex(*image.shape[:2]):
        share = max(0.0, 1 - abs(r - row)) * max(0.0, 1 - abs(c - column))
        total += share * (image[r, c] - fill)
    return total + fill


def chance_of_box(size: tuple[int, int], box: tuple[int, int]) -> np.ndarray:
    """How likely each pixel is to lie in a box whose centre is any pixel."""
    covered = np.zeros(size)
    for center_row, center_column in np.ndindex(*size):
        top, left = center_row - box[0] // 2, center_column - box[1] // 2
        for row in range(max(top, 0), min(top + box[0], size[0])):
            for column in range(max(left, 0), min(left + box[1], size[1])):
                covered[row, column] += 1
    return covered / (size[0] * size[1])


def cutmix_areas(numbers: np.random.Generator, size: tuple[int, int], alpha: float, draws: int) -> np.ndarray:
    """The pixels of each of many boxes that lie inside of the image."""
    areas = []
    for share in numbers.beta(alpha, alpha, draws):
        area = 1
        for length in size:
            side, center = int(length * math.sqrt(1 - share)), numbers.integers(length)
            start = center - side // 2
            area *= min(start + side, length) - max(start, 0)
        areas.append(area)
    return np.array(areas)
