"""Wiring. The chain rule lives here and nowhere else."""

from backprop_jax.combinators.bidirectional import bidirectional
from backprop_jax.combinators.cast import cast
from backprop_jax.combinators.chain import chain
from backprop_jax.combinators.first import first
from backprop_jax.combinators.folding import fold_batch_norm
from backprop_jax.combinators.loss_scaling import loss_scaled
from backprop_jax.combinators.low_rank import lora, merge_lora
from backprop_jax.combinators.parallel import fan_out, parallel
from backprop_jax.combinators.recurrent import recurrent, remat_steps
from backprop_jax.combinators.remat import remat
from backprop_jax.combinators.reparameterize import reparameterize, tie
from backprop_jax.combinators.scan import scan
from backprop_jax.combinators.select import select
from backprop_jax.combinators.skip import skip
from backprop_jax.combinators.skip_first import skip_first
from backprop_jax.combinators.spectral_normalization import spectral_norm
from backprop_jax.combinators.stopped_gradient import stop_gradient
from backprop_jax.combinators.weight_normalization import weight_norm
from backprop_jax.combinators.with_backward import with_backward

__all__ = [
    "bidirectional",
    "cast",
    "chain",
    "fan_out",
    "first",
    "fold_batch_norm",
    "lora",
    "loss_scaled",
    "merge_lora",
    "parallel",
    "recurrent",
    "remat",
    "remat_steps",
    "reparameterize",
    "scan",
    "select",
    "skip",
    "skip_first",
    "spectral_norm",
    "stop_gradient",
    "tie",
    "weight_norm",
    "with_backward",
]
