"""Training: the step, the loop around it, and what it leaves behind."""

from backprop_jax.train.checkpoints import Checkpoints, Restored
from backprop_jax.train.confusion import confusion_matrix
from backprop_jax.train.evaluate import Evaluation, evaluate
from backprop_jax.train.fit import Epoch, fit
from backprop_jax.train.gradient_norms import gradient_norms
from backprop_jax.train.held_out import stream_loss, window_loss
from backprop_jax.train.history import save_history
from backprop_jax.train.loop import Fit, Progress
from backprop_jax.train.loss_scale import scaled_value_and_grad
from backprop_jax.train.parameter_files import load_model, load_params, save_model, save_params
from backprop_jax.train.progress import show_progress
from backprop_jax.train.report import save_report
from backprop_jax.train.step import Training, make_evaluation, make_step, start
from backprop_jax.train.step_time import StepTimes, step_times
from backprop_jax.train.stream_fit import StreamEpoch, fit_stream
from backprop_jax.train.window_fit import fit_windows

__all__ = [
    "Checkpoints",
    "Epoch",
    "Evaluation",
    "Fit",
    "Progress",
    "Restored",
    "StepTimes",
    "StreamEpoch",
    "Training",
    "confusion_matrix",
    "evaluate",
    "fit",
    "fit_stream",
    "fit_windows",
    "gradient_norms",
    "load_model",
    "load_params",
    "make_evaluation",
    "make_step",
    "save_history",
    "save_model",
    "save_params",
    "save_report",
    "scaled_value_and_grad",
    "show_progress",
    "start",
    "step_times",
    "stream_loss",
    "window_loss",
]
