"""A transformer that writes: a GPT of 10 million numbers, beside an LSTM of as many, given the same time.

    pip install 'backprop-jax[text]'
    python examples/gpt.py [--seconds 120] [--width 384]

Both learn Python's documentation by the same byte pairs, in turns, so that a busy machine slows both down. Expect the
LSTM ahead on two cores, 2.16 bits a byte against 2.60: in minutes they take a GPT of this size through few steps.
"""

import argparse
import itertools
import math
import time

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, models, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--seconds", type=float, default=120, help="of training for each model")
arguments.add_argument("--width", type=int, default=384, help="numbers between the blocks of the GPT, a multiple of 64")
arguments.add_argument("--characters", type=int, default=10**6, help="how many to read, from the beginning, at most")
flags, turns, length = arguments.parse_args(), 12, 128
if not flags.seconds > 0 or flags.width < 64 or flags.width % 64 or flags.characters < 20000:
    arguments.error("it takes --seconds above 0, --width 64, 128, ..., and --characters 20000 or more")

# 1. The text as byte pairs. Bits are counted for a byte of it, whatever a token is.
parts = data.split_text(data.python_docs()[: flags.characters])
vocabulary = data.BytePairVocabulary.from_text(parts.train, 2000)
tokens, validation, test = map(vocabulary.encode, parts)

# 2. The models. One reads pieces from anywhere, the other the text in order, for it remembers what came before.
gpt = models.gpt(len(vocabulary), length, flags.width, 5, flags.width // 64)
objective = models.LanguageModelLoss(gpt, bp.losses.LinearCrossEntropy(len(vocabulary)))
lstm = models.char_lm(len(vocabulary), 4 * flags.width // 3, 8 * flags.width // 3, rate=0.2)
rival = bp.supervised(lstm, bp.losses.CrossEntropy())
stream = itertools.chain.from_iterable(data.stream_batches(tokens, 16, 32) for _ in itertools.count())
sides = {"GPT": (objective, data.random_windows(tokens, 4, length, seed=0), 1e-3), "LSTM": (rival, stream, 2e-3)}


@optim.inject_hyperparams
def adamw(learning_rate):
    return optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(learning_rate, b2=0.95, weight_decay=0.1))


def learn(name, training, share):
    """Train for one turn. The step size follows the clock: it rises for a twentieth of the time, then falls to 0."""
    (side, batches, peak), begin, now = sides[name], time.perf_counter(), share
    while now < share + 1 / turns:
        rate = np.float32(peak * min(20 * now, 0.5 + 0.5 * math.cos(math.pi * now)))
        training.optimizer_state.hyperparams["learning_rate"] = rate
        training, _ = jax.block_until_ready(train.make_step(side, optimizer)(training, next(batches)))
        now = share + (time.perf_counter() - begin) / flags.seconds
    return training


def bits_of(part):
    """How many each model needs for a byte of a text."""
    gpt_loss = train.window_loss(objective, trainings["GPT"].params, part, length)
    losses = gpt_loss, train.stream_loss(rival, trainings["LSTM"].params, part)
    return [loss / math.log(2) * len(part) / len(vocabulary.decode(part).encode()) for loss in losses]


# 3. Train both. What compiles does not count, nor does the validation.
optimizer, trainings, say = adamw(learning_rate=0.0), {}, "bits a byte: GPT {:.3f}, LSTM {:.3f}"
for name, (side, batches, _) in sides.items():
    training = train.start(side, optimizer, jax.random.key(0), next(batches))
    print(f"{name}: {sum(leaf.size for leaf in jax.tree.leaves(training.params)):,} numbers")
    trainings[name], _ = train.make_step(side, optimizer)(training, next(batches))  # a step of size 0
for turn in range(turns):
    trainings = {name: learn(name, training, turn / turns) for name, training in trainings.items()}
    if turn % 3 == 2:
        print(f"turn {turn + 1:2} of {turns}   validation: {say.format(*bits_of(validation))}")

# 4. Test both once, and let the GPT write.
written = models.generate(gpt, trainings["GPT"].params, test[None, :20], 100, jax.random.key(0), 0.7)
print("\n" + vocabulary.decode(np.concatenate([test[:20], written[0]])))
print(f"\nheld-out text: {say.format(*bits_of(test))}")
