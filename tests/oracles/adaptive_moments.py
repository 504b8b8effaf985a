"""Adaptive optimizers, straight from their definitions: NumPy, float64 or complex128, one leaf, one loop over steps."""

from __future__ import annotations

from typing import Any

import numpy as np


def adam(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> list[Any]:
    mu, nu, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * abs(g) ** 2
        updates.append(mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps))
    return updates


def nadam(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> list[Any]:
    mu, nu, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * abs(g) ** 2
        ahead = b1 * mu / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        updates.append(ahead / (np.sqrt(nu / (1 - b2**t)) + eps))
    return updates


def radam(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> list[Any]:
    mu, nu, updates = 0.0, 0.0, []
    limit = 2 / (1 - b2) - 1
    for t, g in enumerate(gradients, 1):
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * abs(g) ** 2
        update = mu / (1 - b1**t)
        rho = limit - 2 * t * b2**t / (1 - b2**t)
        if rho >= 5:
            r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            update = r * update / (np.sqrt(nu / (1 - b2**t)) + eps)
        updates.append(update)
    return updates


def amsgrad(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> list[Any]:
    mu, nu, largest, updates = 0.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * abs(g) ** 2
        largest = np.maximum(largest, nu / (1 - b2**t))
        updates.append(mu / (1 - b1**t) / (np.sqrt(largest) + eps))
    return updates


def belief(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-16) -> list[Any]:
    mu, nu, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        mu = b1 * mu + (1 - b1) * g
        nu = b2 * nu + (1 - b2) * abs(g - mu) ** 2 + eps
        updates.append(mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps))
    return updates


def yogi(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-3) -> list[Any]:
    mu, nu, updates = 1e-6, 1e-6, []
    for t, g in enumerate(gradients, 1):
        mu = b1 * mu + (1 - b1) * g
        nu = nu - (1 - b2) * np.sign(nu - abs(g) ** 2) * abs(g) ** 2
        updates.append(mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps))
    return updates


def adamax(gradients: Any, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> list[Any]:
    mu, largest, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        mu, largest = b1 * mu + (1 - b1) * g, np.maximum(b2 * largest, abs(g) + eps)
        updates.append(mu / (1 - b1**t) / largest)
    return updates


def adagrad(gradients: Any) -> list[Any]:
    total, updates = 0.1, []
    for g in gradients:
        total = total + abs(g) ** 2
        updates.append(g / np.sqrt(total + 1e-7))
    return updates


def rmsprop(gradients: Any, decay: float = 0.9, corrected: bool = False) -> list[Any]:
    nu, updates = 0.0, []
    for t, g in enumerate(gradients, 1):
        nu = decay * nu + (1 - decay) * abs(g) ** 2
        updates.append(g / np.sqrt(nu / (1 - decay**t if corrected else 1) + 1e-8))
    return updates


def stddev(gradients: Any, decay: float = 0.9, eps: float = 1e-8, corrected: bool = False) -> list[Any]:
    mu, nu, updates = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        mu, nu = decay * mu + (1 - decay) * g, decay * nu + (1 - decay) * abs(g) ** 2
        c = 1 - decay**t if corrected else 1
        updates.append(g / np.sqrt(nu / c - abs(mu / c) ** 2 + eps))
    return updates


def adadelta(gradients: Any, rho: float = 0.9, eps: float = 1e-6) -> list[Any]:
    e_g, e_x, updates = 0.0, 0.0, []
    for g in gradients:
        e_g = rho * e_g + (1 - rho) * abs(g) ** 2
        update = np.sqrt(e_x + eps) / np.sqrt(e_g + eps) * g
        e_x = rho * e_x + (1 - rho) * abs(update) ** 2
        updates.append(update)
    return updates


def adan(gradients: Any, b1: float = 0.98, b2: float = 0.92, b3: float = 0.99, eps: float = 1e-8) -> list[Any]:
    m, v, n, last, updates = 0.0, 0.0, 0.0, gradients[0], []
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * (g - last)
        n = b3 * n + (1 - b3) * abs(g + (1 - b2) * (g - last)) ** 2
        step = m / (1 - b1**t) + (1 - b2) * v / (1 - b2**t)
        updates.append(step / (np.sqrt(n / (1 - b3**t)) + eps))
        last = g
    return updates


def novograd(gradients: Any, b1: float = 0.9, b2: float = 0.25, eps: float = 1e-8) -> list[Any]:
    mu, nu, updates = 0.0, np.sum(abs(gradients[0]) ** 2), []
    for g in gradients:
        nu = b2 * nu + (1 - b2) * np.sum(abs(g) ** 2)
        mu = b1 * mu + g / (np.sqrt(nu) + eps)
        updates.append(mu)
    return updates
