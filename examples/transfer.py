"""Transfer: a network learns five of the ten digits, its front is frozen, and a new head learns the other five.

    python examples/transfer.py [--epochs 12] [--images 50]

`stop_gradient(layer)` makes a constant of a layer: it keeps nothing for a backward pass and has none. Expect a step for
the head alone to take about as long as a forward pass, far less than a step for the whole; the backbone to stay as it
was, bit for bit; and few images of the new digits to take the head further than they take a whole new network.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

import backprop_jax as bp
from backprop_jax import optim, train
from backprop_jax.data import Examples

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epochs", type=int, default=12, help="passes over the first five digits")
arguments.add_argument("--images", type=int, default=50, help="of the other five digits, to train on")
flags = arguments.parse_args()

# 1. The digits 0 to 4 to learn from, and 5 to 9, as classes 0 to 4, to learn again: few to train on.
digits = bp.data.digits()
first = digits.train[digits.train.y < 5]
others, test = (Examples(part.x[part.y >= 5], part.y[part.y >= 5] - 5) for part in (digits.train, digits.test))
few = others[: flags.images]
batch = few.x, few.y


# 2. A backbone with a head, and the same with the backbone as a constant. Both take the same parameters and state.
def convolution(features: int, strides: int = 1) -> bp.Layer:
    return bp.chain(bp.Conv(features, (3, 3), strides, use_bias=False), bp.BatchNorm(relu=True))


backbone = bp.chain(convolution(32), convolution(64, 2), bp.Flatten())
whole, frozen = (
    bp.supervised(bp.chain(backbone=front, head=bp.Dense(5)), bp.losses.CrossEntropy())
    for front in (backbone, bp.stop_gradient(bp.eval_mode(backbone)))
)
sgd = optim.sgd(0.1, momentum=0.9)
head_only = optim.groups({"backbone/*": optim.set_to_zero()}, default=sgd)  # no momentum for what does not move
step_whole, step_head = train.make_step(whole, sgd), train.make_step(frozen, head_only)


def learn(step, training: train.Training, examples: Examples, epochs: int) -> train.Training:
    for epoch in range(epochs):
        for images in bp.data.batches(examples, len(few), seed=epoch):
            training, _ = step(training, images)
    return training


# 3. The backbone learns. Then a new head on top of it, and beside it a whole new network, learn from the few images.
new, other = (train.start(whole, sgd, jax.random.key(seed), batch) for seed in range(2))
learned = learn(step_whole, new, first, flags.epochs)
params = {"backbone": learned.params["backbone"], "head": other.params["head"]}
start = train.Training(params, learned.state, head_only.init(params))
transferred = learn(step_head, jax.tree.map(jnp.copy, start), few, 5 * flags.epochs)  # a copy: steps reuse the memory
anew = learn(step_whole, other, few, 5 * flags.epochs)
for name, training in (("frozen backbone, new head", transferred), ("all of it anew", anew)):
    print(f"{name:26} {train.evaluate(whole, *training[:2], test).accuracy:.1%} of {len(test)} test images")
same = jax.tree.map(jnp.array_equal, start.params["backbone"], transferred.params["backbone"])
print(f"the backbone is as it was, bit for bit: {all(jax.tree.leaves(same))}\n")

# 4. What a step on the few images costs, and what its forward pass keeps for the backward pass: the head its input.
predict = train.make_evaluation(whole.layer)
steps = {"whole": step_whole, "head only": step_head, "forward": lambda now, batch: (now, predict(*now[:2], batch[0]))}
now = {"whole": anew, "head only": transferred, "forward": learned}
kept = {"whole": bp.residual_bytes(whole, batch), "head only": bp.residual_bytes(frozen, batch), "forward": 0}
times = {name: [] for name in steps}
for _ in range(100):  # in turn, so that what else the machine does burdens all alike
    for name, step in steps.items():
        begin = time.perf_counter()
        now[name], _ = jax.block_until_ready(step(now[name], batch))
        times[name].append(1000 * (time.perf_counter() - begin))
for name in steps:
    print(f"{name:9} {statistics.median(times[name]):6.2f} ms a step, {kept[name] / 1e3:7,.1f} kB kept for backward")
