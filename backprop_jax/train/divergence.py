"""What is told of a step that went wrong."""

import math
import os
import shlex

from backprop_jax.core.layer import Layer, PyTree

__all__ = ["divergence"]


def divergence(
    objective: Layer,
    params: PyTree,
    state: PyTree,
    batch: PyTree,
    *,
    step: int,
    loss: float,
    replay: str | os.PathLike | None,
) -> FloatingPointError:
    """The error for a step whose loss, or else whose gradient, is not finite: it names the first layer at fault.

    `params` and `state` are those from before the step. They and the batch go to the file `replay`, if one is named,
    and the error says how to look at it. A file that cannot be written is told of, and does not hide the error, nor
    does a step that does not run without jit. All that matters is in the first line; the others tell of the arrays.
    """
    # A training that goes well needs none of it.
    from backprop_jax.harvest.diagnosis import find_first_bad, write_replay

    what = "the gradient became NaN or infinite" if math.isfinite(loss) else f"the loss became {loss}"
    told = [f"{what} at step {step}: it diverged, lower the learning rate"]
    try:
        found = find_first_bad(objective, params, state, batch)
        again = "run again without jit, its loss and its gradient by back-propagation are finite"
        where = again if found is None else str(found)
    except Exception as error:  # of any kind: some operations do not run without jit, as a scan of no steps
        where = f"the layer was not found: {error}"
    first, _, details = where.partition("\n")
    told.append(first)
    if replay is not None:
        try:
            write_replay(replay, objective, params, state, batch, note="; ".join(told))
            told.append(f"see it again by: backprop-jax replay {shlex.quote(str(replay))}")
        except (OSError, TypeError, ModuleNotFoundError) as error:
            told.append(f"{replay} is not written: {error}")
    return FloatingPointError("\n".join(["; ".join(told), *details.splitlines()]))
