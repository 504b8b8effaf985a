"""LeNet-5."""

from backprop_jax.combinators import chain
from backprop_jax.combinators.chain import Chain
from backprop_jax.initializers import he_normal
from backprop_jax.layers import Conv, Dense, Flatten, MaxPool, ReLU

__all__ = ["lenet"]


def lenet(classes: int = 10) -> Chain:
    """LeNet-5 as it is built today: two 5x5 convolutions, each followed by a max-pool, and three dense layers.

    Against the paper: ReLU for the scaled tanh, max-pooling for averages with a trained weight and bias, each of the
    second convolution's 16 features sees all 6 of the first, logits for radial basis functions.

    Shapes:   x (B, H, W, C) float -> logits (B, classes). Made for 28x28 (the first convolution pads it to the paper's
              32x32); 12x12 is the least. Grey images are (B, H, W, 1).
    Params:   a dict, "conv1", "conv2", "fc1", "fc2", "fc3" and empty ones; 61,706 numbers for 28x28x1 and 10 classes.
    Source:   LeCun, Bottou, Bengio & Haffner, 1998, Proceedings of the IEEE 86(11); weights before a ReLU start as in
              He et al., 2015, arXiv:1502.01852, eq. 10.
    """
    he = he_normal()
    return chain(
        conv1=Conv(6, (5, 5), kernel_init=he),
        relu1=ReLU(),
        pool1=MaxPool((2, 2), 2),
        conv2=Conv(16, (5, 5), padding="VALID", kernel_init=he),
        relu2=ReLU(),
        pool2=MaxPool((2, 2), 2),
        flatten=Flatten(),
        fc1=Dense(120, kernel_init=he),
        relu3=ReLU(),
        fc2=Dense(84, kernel_init=he),
        relu4=ReLU(),
        fc3=Dense(classes),
    )
