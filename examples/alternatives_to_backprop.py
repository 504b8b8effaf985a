"""Learning without backpropagation, beside it: how well it works, and how far from the gradient it goes.

    pip install 'backprop-jax[cli]'
    python examples/alternatives_to_backprop.py [--steps 600] [--plot alternatives.png]

Each method trains two hidden layers on the 8x8 digits. Along the way it prints the accuracy on held-out digits and the
angle between what the method takes for the gradient and that of the same loss by jax.grad: at 90° they are unrelated.
"""

import argparse
from itertools import chain, count

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import backprop_jax as bp
from backprop_jax import data, harvest, losses, optim, train
from backprop_jax.harvest import local, rules

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=600)
arguments.add_argument("--plot", metavar="FILE", help="draw accuracy and angle over the steps into this picture")
flags = arguments.parse_args()
if flags.steps < 10:
    arguments.error("it takes --steps 10 or more")

digits, WIDTH = data.digits(), 64
probe = digits.train.x[:256], digits.train.y[:256]
hidden, rectified = bp.chain(bp.Dense(WIDTH), bp.Tanh()), bp.chain(bp.Dense(WIDTH), bp.ReLU())
layers = bp.chain(bp.chain(bp.Flatten(), hidden), hidden, bp.Dense(10))
ruled = lambda rule: harvest.replace_selected(layers, bp.Dense, rule)
foretell = bp.Dense(WIDTH, kernel_init=bp.initializers.zeros())
settling = bp.chain(bp.Flatten(), local.EquilibriumPropagation((WIDTH, 10)), bp.Dense(10))
METHODS = {  # a model, and what stands for value_and_grad if it is not the model's own backward
    "backpropagation": (layers, bp.value_and_grad),
    "sign symmetry": (ruled(lambda layer: rules.FeedbackAlignment(layer, "own")), bp.value_and_grad),
    "feedback alignment": (ruled(rules.FeedbackAlignment), bp.value_and_grad),
    "weight mirror": (ruled(rules.WeightMirror), bp.value_and_grad),
    "direct feedback": (rules.direct_feedback(layers), bp.value_and_grad),
    "target propagation": (local.target_propagation(layers, hidden), bp.value_and_grad),
    "synthetic gradients": (local.synthetic_gradients(layers, foretell, foretell), bp.value_and_grad),
    "predictive coding": (layers, local.PredictiveCoding()),
    "equilibrium propagation": (settling, bp.value_and_grad),
    "forward-forward": (local.forward_forward(bp.chain(rectified, rectified), classes=10), bp.value_and_grad),
    "forward gradient": (local.Keyed(layers), local.ForwardGradient(16)),
    "evolution strategies": (local.Keyed(layers), local.EvolutionStrategies(16)),
}


def angle(objective: bp.Layer, differentiate, params, state, batch) -> jax.Array:
    _, given = differentiate(objective)(params, state, batch)
    true = jax.tree.leaves(jax.grad(lambda at: objective.forward(at, state, batch)[0])(params))
    counted = [(a.ravel() * jnp.any(b != 0), b.ravel()) for a, b in zip(jax.tree.leaves(given), true, strict=True)]
    a, b = map(jnp.concatenate, zip(*counted, strict=True))
    return jnp.degrees(jnp.arccos(jnp.clip(a @ b / jnp.linalg.norm(a) / jnp.linalg.norm(b), -1, 1)))


look = jax.jit(angle, static_argnums=(0, 1))
figure, panels = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
for number, (name, (model, differentiate)) in enumerate(METHODS.items()):
    loss = local.ForwardForwardLoss() if name == "forward-forward" else losses.CrossEntropy()
    objective, optimizer, path = bp.supervised(model, loss), optim.adam(3e-3), []
    training = train.start(objective, optimizer, jax.random.key(0), probe)
    step = train.make_step(objective, optimizer, differentiate=differentiate)
    drawn = chain.from_iterable(data.batches(digits.train, 128, (0, epoch)) for epoch in count())
    for taken in range(flags.steps + 1):
        if taken % max(1, flags.steps // 10) == 0:
            params, state, _ = training
            held_out = train.evaluate(objective, params, state, digits.validation)
            path.append((taken, 100 * held_out.accuracy, float(look(objective, differentiate, params, state, probe))))
        training, _ = step(training, next(drawn))
    print(f"{name:24}" + "  ".join(f"{accuracy:.0f}% {degrees:.0f}°" for _, accuracy, degrees in path), flush=True)
    for panel, values in zip(panels, list(zip(*path, strict=True))[1:], strict=True):
        panel.plot([at for at, *_ in path], values, ["-", "--"][number > 5], color=f"C{number % 6}", label=name)
panels[0].set(xlabel="steps", ylabel="accuracy on validation data, %", ylim=(40, 100))
panels[1].set(xlabel="steps", ylabel="angle to the gradient, degrees")
panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
if flags.plot:
    figure.savefig(flags.plot, dpi=120)
