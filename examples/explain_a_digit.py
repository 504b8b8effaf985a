"""Why did it say that? Five answers of one backward pass each, for a digit that is read right and one that is not.

    pip install 'backprop-jax[cli]'
    python examples/explain_a_digit.py [--epochs 15] [--plot why.png]

Trains a small convolutional network in seconds, and then asks what in the image speaks for the digit that it named:
the gradient at the input, guided backpropagation, integrated gradients, Grad-CAM and relevance. As a check it blackens
the pixels that an answer names first: if they matter, the score falls by more than without pixels drawn by chance.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax import data, harvest, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epochs", type=int, default=15, help="passes over the training images")
arguments.add_argument("--plot", metavar="FILE", help="draw the answers into this picture")
flags = arguments.parse_args()
if flags.epochs < 1:
    arguments.error("it takes --epochs 1 or more")
digits, BLACKENED, ASKED = data.digits(), 6, 100  # pixels of 64; digits that answers are about
model = bp.chain(
    conv1=bp.Conv(16, (3, 3)),
    relu1=bp.ReLU(),
    conv2=bp.Conv(32, (3, 3)),
    relu2=bp.ReLU(),
    conv3=bp.Conv(32, (3, 3)),
    relu3=bp.ReLU(),
    pool=bp.GlobalAvgPool(),
    readout=bp.Dense(digits.classes),
)
objective, optimizer = bp.supervised(model, bp.losses.CrossEntropy()), optim.adam(5e-3)
training = train.start(objective, optimizer, jax.random.key(0), (digits.train.x[:2], digits.train.y[:2]))
labelled = train.Labelled(digits.train, digits.validation, batch_size=64)
trained = train.fit(objective, optimizer, training, labelled, epochs=flags.epochs)
params, state, _ = trained.training
result = train.evaluate(objective, params, state, digits.test)
named, right = result.scores.argmax(-1), result.scores.argmax(-1) == digits.test.y
print(f"test accuracy {right.mean():.1%}: {(~right).sum()} of {len(right)} are read wrong")

# What speaks for the digit that was named, whether it is right or not.
ASK = {
    "gradient": lambda x, y: jnp.abs(harvest.input_gradient(model, params, state, x, y)),
    "guided": lambda x, y: harvest.input_gradient(harvest.guided(model), params, state, x, y),
    "integrated gradients": lambda x, y: harvest.integrated_gradients(model, params, state, x, y),
    "Grad-CAM": lambda x, y: harvest.grad_cam(model, params, state, x, y, "relu3")[..., None],
    "relevance": lambda x, y: harvest.relevance(model, params, state, x, y),
}
images, named, right = jnp.asarray(digits.test.x)[:ASKED], named[:ASKED], right[:ASKED]
answers = {name: np.asarray(jax.jit(ask)(images, named))[..., 0] for name, ask in ASK.items()}
score = jax.jit(lambda x: jnp.take_along_axis(model.forward(params, state, x)[0], named[:, None], 1)[:, 0])
added = answers["integrated gradients"].sum((1, 2)) - (score(images) - score(jnp.zeros_like(images)))
print(f"integrated gradients add up to the score, less that of black, within {np.abs(added).max():.2f}")
drawn = np.random.default_rng(0).random(images.shape[:3])
for name, answer in {**answers, "chance": drawn}.items():
    first = np.argsort(-answer.reshape(len(images), -1), 1)[:, :BLACKENED]
    blackened = np.asarray(images).reshape(len(images), -1).copy()
    np.put_along_axis(blackened, first, 0, 1)
    fall = np.mean(score(images) - score(blackened.reshape(images.shape)))
    print(f"without the {BLACKENED} pixels named first by {name}: the score falls by {fall:.1f}")

if flags.plot:
    import matplotlib.pyplot as plt

    shown = [np.flatnonzero(right)[0], np.flatnonzero(~right)[0]] if not right.all() else [0]
    figure, rows = plt.subplots(len(shown), 1 + len(answers), figsize=(13, 2.6 * len(shown)), squeeze=False)
    for row, index in zip(rows, shown, strict=True):
        said = f"a {digits.test.y[index]}, read as {named[index]}"
        for axis, (name, picture) in zip(row, {said: digits.test.x[..., 0], **answers}.items(), strict=True):
            most, signed = np.abs(picture[index]).max(), picture[index].min() < 0
            axis.imshow(picture[index], "coolwarm" if signed else "gray", vmin=-most if signed else 0, vmax=most)
            axis.set(title=name, xticks=[], yticks=[])
    figure.text(0.5, 0.05, "red speaks for the digit that was read, blue against it; white decides", ha="center")
    figure.savefig(flags.plot, dpi=120, bbox_inches="tight")
    print(f"picture: {flags.plot}")
