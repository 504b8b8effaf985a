"""`python -m backprop_jax.cli` is `backprop-jax`."""

import sys

from backprop_jax.cli import main

sys.exit(main())
