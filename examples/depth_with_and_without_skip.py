"""What depth does to a network without skip connections, and does not do to one with them (He et al., 2015).

    python examples/depth_with_and_without_skip.py [--depths 20 56] [--steps 300] [--seeds 2]

The plain and the residual network of that paper learn 8x8 digits for a few hundred steps. Expect the plain one hardly
to train with 56 layers, which no overfitting explains, for it is the loss on what it trains on; and the residual one
to train well with both. At the first step the gradient of the deep plain network is thousands of times larger in its
first layer than in its last. Measured, with two seeds:

                                      plain, 20      plain, 56      residual, 20   residual, 56
    loss after 300 steps              0.082, 0.064   1.988, 1.877   0.001, 0.001   0.007, 0.002
    first gradient, in first layer    10             2,400          6              16 to 32

The picture is runs/depth_with_and_without_skip.png (needs the extra `cli`). Takes minutes, half of them to compile.
"""

import argparse
from itertools import count, cycle, islice
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from backprop_jax import data, losses, models, optim, supervised, train
from backprop_jax.train.gradient_norms import in_model_order

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--depths", type=int, nargs="+", default=[20, 56], help="numbers of layers, each 6n + 2")
arguments.add_argument("--steps", type=int, default=300, help="of each training, 32 images each")
arguments.add_argument("--seeds", type=int, default=2, help="trainings of each network")
flags = arguments.parse_args()

raw = data.digits()
digits = data.normalize(raw, data.channel_statistics(raw.train)).train
optimizer = optim.sgd(0.02, momentum=0.9)


def learn(objective, seed: int) -> tuple[np.ndarray, list[float], list[float]]:
    """The loss of each step, and the gradient norm of each convolution, in order, at the first step and at the last."""
    batches = (batch for epoch in count() for batch in data.batches(digits, 32, seed=(seed, epoch)))
    training = train.start(objective, optimizer, jax.random.key(seed), next(batches))
    step = train.make_step(objective, optimizer, watch=train.gradient_norms)
    watched = []
    for batch in islice(batches, flags.steps):
        training, seen = step(training, batch)
        watched.append(seen)
    loss, norms = zip(*jax.device_get(watched), strict=True)
    ends = (in_model_order(norms[at], objective.layer) for at in (0, -1))
    first, last = ([norm for path, norm in end.items() if "conv" in path] for end in ends)
    return np.array(loss), first, last


figure, panels = plt.subplots(1, 3, figsize=(16, 5), layout="constrained", width_ratios=[1.3, 1, 1])
width, final = min(20, flags.steps), {}  # of the moving average; where it ends
for kind, build, color in (("plain", models.cifar_plain, "#D55E00"), ("residual", models.cifar_resnet, "#0072B2")):
    for depth, style in zip(flags.depths, cycle(("--", "-", ":", "-.")), strict=False):
        objective = supervised(build(depth), losses.CrossEntropy())
        for seed in range(flags.seeds):
            loss, first, last = learn(objective, seed)
            smooth = np.convolve(loss, np.ones(width) / width, "valid")
            final.setdefault((kind, depth), []).append(smooth[-1])
            look = {"label": f"{kind}, {depth} layers"} if seed == 0 else {}
            panels[0].plot(np.arange(width, flags.steps + 1), smooth, style, color=color, **look)
            for axes, norms in zip(panels[1:], (first, last), strict=True):
                axes.semilogy(np.linspace(0, 100, len(norms)), norms, style, color=color)
            ends = f"gradient at first {first[0]:8.1f} in the first layer, {first[-1]:5.2f} in the last"
            print(f"{kind:8} {depth:3} layers, seed {seed}: loss {smooth[-1]:.3f}   {ends}", flush=True)

for kind in ("plain", "residual"):
    shallow, *_, deep = (np.mean(final[kind, depth]) for depth in (flags.depths[0], flags.depths[-1]))
    print(f"{kind}: the deepest network ends at a mean loss of {deep:.3f}, the shallowest at {shallow:.3f}")
panels[0].set(xlabel="step", ylabel=f"training loss, mean of {width} steps", title="training")
panels[0].legend()
for axes, when in zip(panels[1:], ("first", "last"), strict=True):
    axes.set(xlabel="depth of the layer, %", ylabel="Euclidean norm", title=f"each convolution's gradient, {when} step")
path = Path("runs/depth_with_and_without_skip.png")
path.parent.mkdir(exist_ok=True)
figure.savefig(path, dpi=100)
print(f"written: {path}")
