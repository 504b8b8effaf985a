"""Training: the step, the loop around it, and what it leaves behind."""

from backprop_jax.train.accumulation import accumulated_value_and_grad
from backprop_jax.train.callbacks import each
from backprop_jax.train.checkpoints import Checkpoints, OtherTraining, Restored
from backprop_jax.train.confusion import confusion_matrix
from backprop_jax.train.evaluate import Evaluation, evaluate
from backprop_jax.train.fit import Fit, fit
from backprop_jax.train.gradient_norms import gradient_norms
from backprop_jax.train.held_out import stream_loss, window_loss
from backprop_jax.train.history import save_history
from backprop_jax.train.labelled import Epoch, Labelled
from backprop_jax.train.loaded_data import LoadedData, LoadedEpoch
from backprop_jax.train.loss_scale import scaled_value_and_grad
from backprop_jax.train.parameter_files import load_model, load_params, save_model, save_params
from backprop_jax.train.progress import show_progress
from backprop_jax.train.records import Progress, StepRecord
from backprop_jax.train.report import save_report
from backprop_jax.train.reproducibility import deterministic
from backprop_jax.train.step import Training, make_evaluation, make_step, make_steps, start
from backprop_jax.train.step_log import log_steps
from backprop_jax.train.step_time import StepTimes, step_times
from backprop_jax.train.stopping import early_stopping
from backprop_jax.train.tensorboard import log_tensorboard
from backprop_jax.train.text_stream import TextEpoch, TextStream
from backprop_jax.train.text_windows import TextWindows
from backprop_jax.train.training_data import Pass, TrainingData, fingerprint

__all__ = [
    "Checkpoints",
    "Epoch",
    "Evaluation",
    "Fit",
    "Labelled",
    "LoadedData",
    "LoadedEpoch",
    "OtherTraining",
    "Pass",
    "Progress",
    "Restored",
    "StepRecord",
    "StepTimes",
    "TextEpoch",
    "TextStream",
    "TextWindows",
    "Training",
    "TrainingData",
    "accumulated_value_and_grad",
    "confusion_matrix",
    "deterministic",
    "each",
    "early_stopping",
    "evaluate",
    "fingerprint",
    "fit",
    "gradient_norms",
    "load_model",
    "load_params",
    "log_steps",
    "log_tensorboard",
    "make_evaluation",
    "make_step",
    "make_steps",
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
