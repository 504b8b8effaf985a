"""Learning without backpropagation, beside it: how well it works, and how far from the true gradient it goes.

    pip install 'backprop-jax[cli]'
    python examples/alternatives_to_backprop.py [--steps 600] [--plot alternatives.png]

Each method trains a network of two hidden layers on the 8x8 digits. Now and then it prints the accuracy on held-out
digits, and the angle between what the method gives as the gradient and the gradient of the same loss by jax.grad, over
the parameters that this depends on. A right angle is what a guess at random has.
"""

import argparse

import jax
import jax.numpy as jnp

import backprop_jax as bp
from backprop_jax import data, harvest, losses, optim, train
from backprop_jax.harvest import local, rules

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=600)
arguments.add_argument("--plot", metavar="FILE", help="draw accuracy and angle over the steps into this picture")
flags = arguments.parse_args()
if flags.steps < 10:
    arguments.error("it takes --steps 10 or more")
WIDTH, BATCH, LOOKS = 64, 128, 10

digits = data.digits()
hidden = bp.chain(bp.Dense(WIDTH), bp.Tanh())
layers = bp.chain(bp.chain(bp.Flatten(), bp.Dense(WIDTH), bp.Tanh()), hidden, bp.Dense(digits.classes))
rectified = bp.chain(bp.Dense(WIDTH), bp.ReLU())
foretell = bp.Dense(WIDTH, kernel_init=bp.initializers.zeros())
settling = bp.chain(bp.Flatten(), local.EquilibriumPropagation((WIDTH, WIDTH)), bp.Dense(digits.classes))


def feedback(signs: str) -> bp.Layer:
    return harvest.replace_selected(layers, bp.Dense, lambda layer: rules.FeedbackAlignment(layer, signs))


METHODS = {  # model, and what stands for value_and_grad
    "backpropagation": (layers, bp.value_and_grad),
    "feedback alignment": (feedback("random"), bp.value_and_grad),
    "sign symmetry": (feedback("own"), bp.value_and_grad),
    "direct feedback": (rules.direct_feedback(layers), bp.value_and_grad),
    "target propagation": (local.target_propagation(layers, hidden), bp.value_and_grad),
    "synthetic gradients": (local.synthetic_gradients(layers, foretell, foretell), bp.value_and_grad),
    "predictive coding": (layers, local.PredictiveCoding()),
    "equilibrium propagation": (settling, bp.value_and_grad),
    "forward-forward": (local.forward_forward(bp.chain(rectified, rectified), digits.classes), bp.value_and_grad),
    "forward gradient": (local.Keyed(layers), local.ForwardGradient(16)),
    "evolution strategies": (local.Keyed(layers), local.EvolutionStrategies(16)),
}


def angle(objective: bp.Layer, differentiate, params, state, batch) -> jax.Array:
    _, gradient = differentiate(objective)(params, state, batch)
    true = jax.tree.leaves(jax.grad(lambda at: objective.forward(at, state, batch)[0])(params))
    both = [(a.ravel(), b.ravel() * jnp.any(b != 0)) for a, b in zip(jax.tree.leaves(gradient), true, strict=True)]
    a, b = (jnp.concatenate(parts) for parts in zip(*((a * jnp.any(b != 0), b) for a, b in both), strict=True))
    return jnp.degrees(jnp.arccos(jnp.clip(a @ b / (jnp.linalg.norm(a) * jnp.linalg.norm(b)), -1, 1)))


def run(name: str) -> list[tuple[int, float, float]]:
    model, differentiate = METHODS[name]
    loss = local.ForwardForwardLoss() if isinstance(model, local.ForwardForward) else losses.CrossEntropy()
    objective, optimizer = bp.supervised(model, loss), optim.adam(3e-3)
    batch = digits.train.x[:BATCH], digits.train.y[:BATCH]
    training = train.start(objective, optimizer, jax.random.key(0), batch)
    step, look = train.make_step(objective, optimizer, differentiate=differentiate), jax.jit(angle, static_argnums=(0, 1))
    path = []
    for number in range(flags.steps + 1):
        if number % max(1, flags.steps // LOOKS) == 0:
            accuracy = train.evaluate(objective, *training[:2], digits.validation).accuracy
            path.append((number, accuracy, float(look(objective, differentiate, *training[:2], batch))))
        chosen = jax.random.choice(jax.random.key(number), len(digits.train), (BATCH,))
        training, _ = step(training, (digits.train.x[chosen], digits.train.y[chosen]))
    print(f"{name:24} " + "  ".join(f"{accuracy:.0%} {degrees:.0f}°" for _, accuracy, degrees in path), flush=True)
    return path


paths = {name: run(name) for name in METHODS}
if flags.plot:
    pass
