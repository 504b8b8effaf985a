"""The models on which is tried what works on every model.

Together they hold every kind of layer; none holds only kinds that another of them, or one before it, has too. With
EVERY_MODEL=1 in the environment they are all: `EVERY_MODEL=1 make test` takes some minutes more.
"""

import os

import backprop_jax as bp
from backprop_jax.core.rewrite import layers_of
from tests.test_catalogue import MODELS

__all__ = ["SOME_MODELS"]

_KINDS = {name: {type(part) for part in layers_of(model, bp.Layer)} for name, (model, _) in MODELS.items()}
_ALIKE = {name for name, kinds in _KINDS.items() if any(kinds < others for others in _KINDS.values())}
_FEWEST = list({frozenset(_KINDS[name]): name for name in reversed(MODELS) if name not in _ALIKE}.values())[::-1]

SOME_MODELS = list(MODELS) if os.environ.get("EVERY_MODEL") else _FEWEST
