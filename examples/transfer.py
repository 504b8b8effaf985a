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

# 1. The digits 0 to 4 to learn from, and 5 to 9, as classes 0 to 4, to learn again: few to train on, 180 to test on.
digits = bp.data.digits()
first = digits.train[digits.train.y < 5]
train_new, test_new = (Examples(part.x[part.y >= 5], part.y[part.y >= 5] - 5) for part in (digits.train, digits.test))
few = train_new[: flags.images]
batch = few.x, few.y


# 2. A backbone with a head, and the same with the backbone as a constant. Both take the same parameters and state.
def convolution(features: int, strides: int = 1) -> bp.Layer:
    he = bp.initializers.he_normal()
    return bp.chain(bp.Conv(features, (3, 3), strides, use_bias=False, kernel_init=he), bp.BatchNorm(relu=True))


backbone = bp.chain(convolution(32), convolution(64, 2), convolution(64), bp.GlobalAvgPool())
whole, frozen = (
    bp.supervised(bp.chain(backbone=front, head=bp.Dense(5)), bp.losses.CrossEntropy())
    for front in (backbone, bp.stop_gradient(bp.eval_mode(backbone)))
)
sgd = optim.sgd(0.1, momentum=0.9)
head_only = optim.groups({"backbone/*": optim.set_to_zero()}, default=sgd)  # no momentum for what does not move
step_whole, step_head = train.make_step(whole, sgd), train.make_step(frozen, head_only)


def learn(step, training: train.Training, examples: Examples, epochs: int) -> train.Training:
    for epoch in range(epochs):
        for images in bp.data.batches(examples, flags.images, seed=epoch):
            training, _ = step(training, images)
    return training


# 3. The backbone learns. Then a new head on top of it, and beside it a whole new network, learn from the few images.
new, new_head = train.start(whole, sgd, jax.random.key(0), batch), train.start(frozen, head_only, jax.random.key(1), batch)
learned = learn(step_whole, jax.tree.map(jnp.copy, new), first, flags.epochs)  # copied, for steps reuse the memory
start = new_head._replace(params=new_head.params | {"backbone": learned.params["backbone"]}, state=learned.state)
transferred = learn(step_head, jax.tree.map(jnp.copy, start), few, 5 * flags.epochs)
anew = learn(step_whole, new, few, 5 * flags.epochs)
for name, training in (("frozen backbone, new head", transferred), ("all of it anew", anew)):
    accuracy = train.evaluate(whole, *training[:2], test_new).accuracy
    print(f"{name:26} {accuracy:.1%} of {len(test_new)} test images, after {len(few)} to train on")
same = jax.tree.map(jnp.array_equal, start.params["backbone"], transferred.params["backbone"])
print(f"the backbone is as it was, bit for bit: {all(jax.tree.leaves(same))}\n")

# 4. What a step on the few images costs, and what its forward pass keeps for the backward pass.
predict = train.make_evaluation(whole.layer)
kept = {"whole": bp.residual_bytes(whole, batch), "head": bp.residual_bytes(frozen, batch), "forward": 0}
steps = {"whole": step_whole, "head": step_head, "forward": lambda now, batch: (now, predict(*now[:2], batch[0]))}
for name, step in steps.items():
    training, times = jax.tree.map(jnp.copy, anew if name == "whole" else transferred), []
    for _ in range(50):
        begin = time.perf_counter()
        training, _ = jax.block_until_ready(step(training, batch))
        times.append(1000 * (time.perf_counter() - begin))
    print(f"{name:8} {statistics.median(times):6.2f} ms a step   {kept[name] / 1e3:8,.1f} kB kept for the backward pass")
