"""A convolutional network on 5,000 digits of MNIST, trained with SGD, batch norm and augmentation, in two minutes.

    pip install 'backprop-jax[cli,mnist]'
    python examples/mnist_cnn.py [--epochs 20] [--seed 0]

Expect 98 to 99 % on the fifth of the digits that training never sees, and runs/mnist_cnn.png: the curves, and every
one of the mistakes. Some of them nobody could read.
"""

import argparse
import time
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

import backprop_jax as bp
from backprop_jax import data, optim, train
from backprop_jax.data import augmentation

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=20, help="passes over the 3,500 training images")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--batch-size", type=int, default=64)
flags = parser.parse_args()
begin = time.perf_counter()

# 1. Data: 3,500 digits to train, 500 to validate, 1,000 to test, normalized by the statistics of the first.
raw = data.mnist5k()
digits = data.normalize(raw, data.channel_statistics(raw.train))
augment = augmentation.compose(  # turned and shifted a little, by other amounts in every step
    augmentation.random_rotation(15.0, fill=float(digits.train.x.min())), augmentation.random_crop(2, mode="edge")
)


# 2. The model. A batch norm applies the ReLU after it; its shift makes a bias of the convolution needless.
def convolution(features: int, size: int) -> bp.Layer:
    he = bp.initializers.he_normal()
    return bp.chain(bp.Conv(features, (size, size), use_bias=False, kernel_init=he), bp.BatchNorm(relu=True))


model = bp.chain(
    conv1=convolution(16, 5),
    pool1=bp.MaxPool((2, 2), 2),
    conv2=convolution(32, 5),
    pool2=bp.MaxPool((2, 2), 2),
    flatten=bp.Flatten(),
    dense=bp.Dense(128, use_bias=False),
    norm=bp.BatchNorm(relu=True),
    readout=bp.Dense(digits.classes),
)
objective = bp.supervised(model, bp.losses.CrossEntropy())

# 3. SGD with Nesterov's momentum: the rate up over the first twentieth of the steps, down along a cosine.
steps = flags.epochs * (len(digits.train) // flags.batch_size)
schedule = optim.warmup_cosine_decay_schedule(0.0, 0.05, warmup_steps=steps // 20, decay_steps=steps)
weight_decay = optim.add_decayed_weights(5e-4, optim.matrices_only)
optimizer = optim.chain(weight_decay, optim.sgd(schedule, momentum=0.9, nesterov=True))

first_batch = next(data.batches(digits.train, flags.batch_size))
