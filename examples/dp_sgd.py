"""Training that tells hardly anything about any one example, and what that costs in accuracy.

    pip install 'backprop-jax[cli,privacy]'
    python examples/dp_sgd.py [--epsilons 1 3 8] [--plot privacy.png]

A classifier of digits learns from the clipped gradients of single examples, with noise. Who sees the trained network
can be surer than before that a given image was in the training data, but by a factor of exp(epsilon) at most. It
prints, as training goes on, the privacy spent beside the accuracy on held-out digits.
"""

import argparse

import jax

import backprop_jax as bp
from backprop_jax import data, harvest, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 3.0, 8.0], help="budgets of privacy to spend")
arguments.add_argument("--steps", type=int, default=400)
arguments.add_argument("--plot", metavar="FILE", help="draw accuracy over privacy into this picture")
flags = arguments.parse_args()
if not all(epsilon > 0 for epsilon in flags.epsilons) or flags.steps < 1:
    arguments.error("it takes --epsilons above 0 and --steps 1 or more")
RATE, CLIP, DELTA, LOOKS = 0.2, 1.0, 1e-4, 8

digits = data.digits()
count = len(digits.train)
model = bp.chain(bp.Flatten(), bp.Dense(64), bp.Tanh(), bp.Dense(digits.classes))
objective = bp.supervised(model, bp.losses.CrossEntropy(reduction="none"))
optimizer = optim.adam(optim.cosine_decay_schedule(0.02, flags.steps))


def run(epsilon: float) -> list[tuple[float, float]]:
    """The privacy spent and the accuracy on validation data along the way. With infinite epsilon nothing is private."""
    private = epsilon < float("inf")
    noise = harvest.noise_for(epsilon, RATE, flags.steps, DELTA) if private else 0.0
    gradient = harvest.private_value_and_grad(objective, CLIP if private else 1e9, noise, batch_size=RATE * count)

    @jax.jit
    def step(training: train.Training, batch: data.PoissonBatch, key: jax.Array) -> train.Training:
        params, state, optimizer_state = training
        (_, state), mean = gradient(params, state, (batch.x, batch.y), key, batch.mask)
        updates, optimizer_state = optimizer.update(mean, optimizer_state, params)
        return train.Training(optim.apply_updates(params, updates), state, optimizer_state)

    path = []
    training = train.start(objective, optimizer, jax.random.key(0), (digits.train.x[:2], digits.train.y[:2]))
    keys = jax.random.split(jax.random.key(1), flags.steps)
    drawn = data.poisson_batches(digits.train, RATE, flags.steps, seed=0)
    for number, (batch, key) in enumerate(zip(drawn, keys, strict=True), 1):
        training = step(training, batch, key)
        if number % max(1, flags.steps // LOOKS) == 0 or number == flags.steps:
            spent = harvest.privacy_spent(noise, RATE, number, DELTA) if private else float("inf")
            path.append((spent, train.evaluate(objective, training.params, training.state, digits.validation).accuracy))
    test = train.evaluate(objective, training.params, training.state, digits.test).accuracy
    marks = "  ".join(f"{spent:.2f}: {accuracy:.0%}" for spent, accuracy in path)
    print(f"\nepsilon {epsilon:g}, noise {noise:.2f}: test accuracy {test:.1%}\n  spent: validation accuracy  {marks}")
    return path


print(f"{count} training images, a batch is {RATE:.0%} of them, delta {DELTA:g}")
paths = {epsilon: run(epsilon) for epsilon in [*flags.epsilons, float("inf")]}

if flags.plot:
    import matplotlib.pyplot as plt

    for epsilon, path in paths.items():
        if epsilon < float("inf"):
            plt.plot(*zip(*path, strict=True), "o-", label=f"budget {epsilon:g}")
    plt.axhline(paths[float("inf")][-1][1], color="grey", linestyle="--", label="without privacy")
    plt.xlabel(f"privacy spent: epsilon at delta {DELTA:g}")
    plt.ylabel("accuracy on validation data")
    plt.legend()
    plt.savefig(flags.plot, dpi=120, bbox_inches="tight")
    print(f"picture: {flags.plot}")
