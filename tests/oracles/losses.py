"""The losses by their definitions, in NumPy and float64: slow, obvious, one number at a time.

Each returns the terms that `reduction="none"` gives and the number that "mean" divides their sum by.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "ctc",
    "hinge",
    "huber",
    "kl_divergence",
    "linear_cross_entropy",
    "mean_absolute_error",
    "mean_squared_error",
    "reduced",
]


def reduced(terms: np.ndarray, count: float, reduction: str) -> np.ndarray:
    if reduction == "none":
        return terms
    return terms.sum() if reduction == "sum" else terms.sum() / count


def _each(fn: Callable[[float, float], float], prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    terms = np.empty(prediction.shape)
    for place in np.ndindex(prediction.shape):
        terms[place] = fn(float(prediction[place]), float(target[place]))
    return terms, terms.size


def mean_squared_error(prediction, target):
    return _each(lambda x, t: (x - t) ** 2, prediction, target)


def mean_absolute_error(prediction, target):
    return _each(lambda x, t: abs(x - t), prediction, target)


def huber(prediction, target, delta):
    def term(x, t):
        error = abs(x - t)
        return error**2 / 2 if error <= delta else delta * (error - delta / 2)

    return _each(term, prediction, target)


def hinge(prediction, target):
    return _each(lambda x, t: max(0.0, 1 - t * x), prediction, target)


def binary_cross_entropy(prediction, target, label_smoothing=0.0, pos_weight=1.0):
    pos_weight = np.broadcast_to(pos_weight, prediction.shape)

    def term(place):
        yes = 1 / (1 + math.exp(-prediction[place]))
        t = (1 - label_smoothing) * target[place] + label_smoothing * 0.5
        return -pos_weight[place] * t * math.log(yes) - (1 - t) * math.log(1 - yes)

    terms = np.empty(prediction.shape)
    for place in np.ndindex(prediction.shape):
        terms[place] = term(place)
    return terms, terms.size


def kl_divergence(prediction, target):
    terms = np.zeros(prediction.shape[:-1])
    for place in np.ndindex(prediction.shape):
        if target[place] > 0:
            terms[place[:-1]] += target[place] * (math.log(target[place]) - prediction[place])
    return terms, terms.size


def cross_entropy(logits, target, label_smoothing=0.0, class_weights=None, ignore_index=None):
    classes, soft = logits.shape[-1], target.shape == logits.shape
    weights = np.ones(classes) if class_weights is None else np.asarray(class_weights, float)
    terms, count = np.zeros(logits.shape[:-1]), 0.0
    for row in np.ndindex(terms.shape):
        if not soft and target[row] == ignore_index:
            continue
        distribution = target[row] if soft else np.eye(classes)[target[row]]
        powers = [math.exp(logit) for logit in logits[row]]
        for v in range(classes):
            q = (1 - label_smoothing) * distribution[v] + label_smoothing / classes
            terms[row] -= weights[v] * q * math.log(powers[v] / sum(powers))
        count += 1 if soft else weights[target[row]]
    return terms, count


def ctc(logits, labels, steps=None, counts=None, blank=0):
    """Over all paths, those that do not become the labels too; infinite where none does."""
    batch, length, classes = logits.shape
    terms = np.empty(batch)
    for example in range(batch):
        rows = np.exp(logits[example][: length if steps is None else steps[example]])
        wanted = [int(label) for label in labels[example][: None if counts is None else counts[example]]]
        chance = 0.0
        for path in itertools.product(range(classes), repeat=len(rows)):
            if [symbol for symbol, _ in itertools.groupby(path) if symbol != blank] == wanted:
                chance += math.prod(row[symbol] / row.sum() for row, symbol in zip(rows, path, strict=True))
        terms[example] = -math.log(chance) if chance else math.inf
    return terms, batch


def linear_cross_entropy(
    hidden, table, target, b=None, weights=None, label_smoothing=0.0, ignore_index=None, z_loss=0.0, logit_softcap=None
):
    """Also whether each token's target is the first of its largest logits."""
    classes, tokens = len(table), target.shape
    terms, correct, count = np.zeros(tokens), np.zeros(tokens), 0.0
    for token in np.ndindex(tokens):
        if target[token] == ignore_index:
            continue
        logits = [float(np.dot(hidden[token], table[v])) + (0 if b is None else b[v]) for v in range(classes)]
        if logit_softcap is not None:
            logits = [logit_softcap * math.tanh(logit / logit_softcap) for logit in logits]
        log_total = math.log(sum(math.exp(logit) for logit in logits))
        term = z_loss * log_total**2
        for v, logit in enumerate(logits):
            q = (1 - label_smoothing) * (v == target[token]) + label_smoothing / classes
            term += q * (log_total - logit)
        weight = 1.0 if weights is None else weights[token]
        terms[token], correct[token] = weight * term, weight * (logits.index(max(logits)) == target[token])
        count += weight
    return terms, count, correct
