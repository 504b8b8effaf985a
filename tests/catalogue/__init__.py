"""What every public layer, loss and combinator is checked on: one row a case, the shapes chosen to break things.

Widths that differ and widths that are equal (a transposed weight hides in a square one), batches of 0 and 1, odd sizes,
ties, large values, integer inputs, inputs of several components, one weight used at two depths.
"""

from tests.catalogue.attention import ATTENTION
from tests.catalogue.combinators import COMBINATORS as WIRING
from tests.catalogue.combinators import affine, init_affine, square
from tests.catalogue.convolution import CONVOLUTIONS
from tests.catalogue.losses import LOSSES
from tests.catalogue.normalization import NORMALIZATIONS
from tests.catalogue.pooling import POOLINGS
from tests.catalogue.recurrent import CELLS, SEQUENCES, StepByStep
from tests.catalogue.resampling import RESAMPLINGS
from tests.catalogue.row import KINKED, TIED, Row, ids, normal
from tests.catalogue.vectors import VECTORS

LAYERS = [*VECTORS, *CONVOLUTIONS, *POOLINGS, *NORMALIZATIONS, *RESAMPLINGS, *CELLS, *ATTENTION]
COMBINATORS = [*WIRING, *SEQUENCES]

__all__ = [
    "COMBINATORS", "KINKED", "LAYERS", "LOSSES", "TIED", "VECTORS", "Row", "StepByStep", "affine", "ids", "init_affine",
    "normal", "square",
]  # fmt: skip
