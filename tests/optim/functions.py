"""Functions for cases that take one: values, so that a case can be printed, compared and pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax


@dataclass(frozen=True)
class add_share_of_params:
    """Updates plus a share of the parameters, for whole trees and for arrays."""

    share: float

    def __call__(self, updates: Any, params: Any) -> Any:
        return jax.tree.map(lambda update, param: update + self.share * param, updates, params)
