"""Runs that are equal bit for bit."""

import os
import re

import jax

__all__ = ["deterministic"]

FLAG = "xla_gpu_deterministic_ops"
SPELLED = re.compile(rf"(?:^|\s)--{FLAG}(?:=(\S+))?(?=\s|$)")


def deterministic() -> None:
    """Make the GPU compute the same bits in every run of a program. Call it before JAX computes anything.

        from backprop_jax import train
        train.deterministic()   # as XLA_FLAGS=--xla_gpu_deterministic_ops=true in the environment

    Without it the order of additions in scatters, as in an embedding's gradient, and the kernels that XLA tries out and
    takes the quickest of may differ from run to run. With it XLA takes orders that are fixed, and tries nothing; steps
    may take longer. Every layer here has a form for it: `MaxPool` does without the one operation that XLA then refuses.

    The rest is in the data and the seeds: keys are part of the state, batches depend on their seed and epoch alone, and
    what our layers choose by, such as the size of a chunk, is the shapes and the platform, never a measured time. So
    two runs are equal that have the same programs, versions, device model and number of devices. On CPU that is so
    without the flag, for the same number of cores.

    Raises:   RuntimeError if JAX has started its backend, which reads the flags but once, without the flag; ValueError
              if XLA_FLAGS says no to it.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    said = [match[1] for match in SPELLED.finditer(flags)]
    if said and said[-1] not in (None, "true", "True", "1"):
        raise ValueError(
            f"XLA_FLAGS has --{FLAG}={said[-1]}, which says the opposite of train.deterministic(): remove it"
        )
    if said:
        return
    if _backend_has_started():
        raise RuntimeError(
            "train.deterministic() comes too late, for JAX has started its backend: call it before the first array is "
            f"made, or start the program with XLA_FLAGS=--{FLAG}=true"
        )
    os.environ["XLA_FLAGS"] = f"{flags} --{FLAG}=true".strip()


def _backend_has_started() -> bool:
    """Told by a setting that may be changed until then; JAX has no question for it."""
    devices: int = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
    try:
        jax.config.update("jax_num_cpu_devices", 2 if devices == 1 else 1)
    except RuntimeError:
        return True
    jax.config.update("jax_num_cpu_devices", devices)
    return False
