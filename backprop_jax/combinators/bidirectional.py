"""Sequences read from both ends."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax

from backprop_jax.combinators.parallel import Parallel
from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.children import Children
from backprop_jax.core.cotangents import add
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import rewrite
from backprop_jax.core.static import Static
from backprop_jax.layers.join import Concatenate, Identity
from backprop_jax.layers.recurrent import Padded

__all__ = ["Bidirectional", "bidirectional"]
