"""All that is to be found wrong with a training."""

from collections.abc import Sequence

from backprop_jax.doctor.curves import overfitting, underfitting
from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.gradients import (
    by_epoch,
    exploding_activations,
    exploding_backward,
    gradient_jumps,
    vanishing_gradients,
)
from backprop_jax.doctor.losses import falls_slowly, loss_spikes, rises_above_start, rises_again
from backprop_jax.doctor.rows import HasLoss, HasLosses, LayerHealth, Suspect
from backprop_jax.doctor.supply import data_starvation, label_noise
from backprop_jax.doctor.units import dead_units, saturated_activations
from backprop_jax.doctor.updates import large_updates, small_updates

__all__ = ["diagnose"]


def diagnose(
    history: Sequence[HasLosses] | None = None,
    steps: Sequence[HasLoss] | None = None,
    health: Sequence[LayerHealth] | None = None,
    suspects: Sequence[Suspect] | None = None,
) -> tuple[Finding, ...]:
    """What is wrong, by the tables that there are: those of `read_run`, or of a training in this process.

    `history` is that of a `fit`, `steps` the records of its `Progress`, `health` what `checkup` or `record_health`
    tells, `suspects` what `label_suspects` does. Each rule has a limit, and says whose. A finding is a reason to look,
    no proof: a rule knows nothing of the task.
    """
    history, steps, health, suspects = history or (), steps or (), health or (), suspects or ()
    # The finest table first: a history has one norm for all the layers of a scan.
    gradients = [{name: row.gradient for name, row in layers.items()} for layers in by_epoch(health)]
    norms = gradients or [row.gradient_norms for row in history or steps]
    too_high = rises_above_start(steps) or rises_again(steps) or large_updates(health)
    causes = (
        vanishing_gradients(norms),
        exploding_backward(health) or gradient_jumps(steps),
        exploding_activations(health),
        dead_units(health),
        saturated_activations(health),
        too_high,
        None if too_high else falls_slowly(steps, history) or small_updates(health),
    )
    over = overfitting(history, steps)
    found = (
        *causes,
        loss_spikes(steps),
        over,
        # What has one of the causes above is no lack of capacity, and a model that is no good is no judge of labels.
        None if any(causes) else underfitting(history, steps, health),
        None if any(causes) or over else label_noise(suspects),
        data_starvation(steps),
    )
    return tuple(finding for finding in found if finding is not None)
