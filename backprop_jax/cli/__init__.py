"""The command line: a thin face over the library."""

import importlib.util
import sys
from collections.abc import Sequence

__all__ = ["main"]

EXTRA = ("matplotlib", "rich", "safetensors", "sklearn", "tyro")  # what the extra `cli` installs


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; `argv` is `sys.argv[1:]` if None.

    Returns the exit status: 0; 2 if the flags are at fault; 130 after Ctrl-C; otherwise 1.
    """
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"backprop-jax: error: {', '.join(missing)} not installed: pip install 'backprop-jax[cli]'", file=sys.stderr
        )
        return 1

    from backprop_jax.cli.flags import PROGRAM, parse
    from backprop_jax.cli.refused import Refused
    from backprop_jax.cli.train_digits import train_digits

    try:
        return train_digits(parse(argv))
    except Refused as refused:
        print(f"{PROGRAM}: error: {refused}", file=sys.stderr)
        return refused.status
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; files not yet listed as written are not there", file=sys.stderr)
        return 130
