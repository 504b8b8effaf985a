"""A convolutional network on 5,000 digits of MNIST: SGD with momentum, batch norm, augmentation, under three minutes.

    pip install 'backprop-jax[cli,mnist]'
    python examples/mnist_cnn.py [--epochs 30] [--seed 0]

Expect 98 to 99 % on the fifth of the digits that training never sees, and a page of curves and mistakes, some of which
nobody could read, in runs/mnist_cnn.png.
"""

import argparse
import time
from pathlib import Path

import jax

import backprop_jax as bp
from backprop_jax import data, optim, train
from backprop_jax.data import augmentation

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epochs", type=int, default=30, help="passes over the training images")
arguments.add_argument("--images", type=int, default=3500, help="how many of them to train on")
arguments.add_argument("--seed", type=int, default=0)
flags = arguments.parse_args()
begin, batch_size = time.perf_counter(), 64

# 1. Data: 3,500 digits to train, 500 to validate, 1,000 to test, normalized by the statistics of the first.
raw = data.mnist5k()
digits = data.normalize(raw, data.channel_statistics(raw.train))
images = digits.train[: flags.images]
turned = augmentation.random_rotation(15.0, fill=float(digits.train.x.min()))
augment = augmentation.compose(turned, augmentation.random_crop(3, mode="edge"))


# 2. The model. A batch norm applies the ReLU that follows it, and its shift stands in for the convolution's bias.
def convolution(features: int) -> bp.Layer:
    he = bp.initializers.he_normal()
    return bp.chain(bp.Conv(features, (3, 3), use_bias=False, kernel_init=he), bp.BatchNorm(relu=True))


model = bp.chain(
    conv1=convolution(16),
    pool1=bp.MaxPool((2, 2), 2),
    conv2=convolution(32),
    pool2=bp.MaxPool((2, 2), 2),
    conv3=convolution(64),
    flatten=bp.Flatten(),
    dropout=bp.Dropout(0.5),
    readout=bp.Dense(digits.classes),
)
print(bp.summarize(model, images.x[:batch_size]), "\n")
objective = bp.supervised(model, bp.losses.CrossEntropy(label_smoothing=0.1))  # whose least value is 0.50

# 3. Nesterov's momentum; the learning rate rises over the first twentieth of the steps and falls along a cosine.
steps = flags.epochs * (len(images) // batch_size)
schedule = optim.warmup_cosine_decay_schedule(0.0, 0.05, warmup_steps=steps // 20, decay_steps=steps)
weight_decay = optim.add_decayed_weights(5e-4, optim.matrices_only)
optimizer = optim.chain(weight_decay, optim.sgd(schedule, momentum=0.9, nesterov=True))


def tell(epoch: train.Epoch, training: train.Training) -> None:
    loss, accuracy = epoch.validation_loss, epoch.validation_accuracy
    print(
        f"epoch {epoch.epoch:2}   validation: loss {loss:.3f}, accuracy {accuracy:.1%}   "
        f"{epoch.images_per_second:,.0f} images/s   {time.perf_counter() - begin:.0f} s"
    )


# 4. Train, and test once.
first_batch = images.x[:batch_size], images.y[:batch_size]
training = train.start(objective, optimizer, jax.random.key(flags.seed), first_batch)
labelled = train.Labelled(images, digits.validation, batch_size, flags.seed)
trained = train.fit(objective, optimizer, training, labelled, epochs=flags.epochs, augment=augment, on_epoch=tell)
result = train.evaluate(objective, *trained.training[:2], digits.test)
summary = f"test accuracy {result.accuracy:.1%} after {time.perf_counter() - begin:.0f} s"
print(f"\n{summary}")
Path("runs").mkdir(exist_ok=True)
report = trained.history, raw.test, result.scores, raw.class_names
train.save_report("runs/mnist_cnn.png", f"MNIST, 5,000 digits: {summary}", *report)
print("written: runs/mnist_cnn.png")
