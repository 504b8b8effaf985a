"""A transformer that writes: a GPT of 10 million numbers, beside an LSTM of as many, given the same time.

    pip install 'backprop-jax[text]'
    python examples/gpt.py [--seconds 120] [--width 384] [--layers 5] [--features 1024]

Both learn Python's documentation by the same byte pairs, in turns, so that a busy machine slows both down. Expect EXPECT
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
arguments.add_argument("--layers", type=int, default=5, help="blocks of the GPT")
arguments.add_argument("--features", type=int, default=1024, help="units of the LSTM")
arguments.add_argument("--characters", type=int, default=10**6, help="how many to read, from the beginning, at most")
arguments.add_argument("--seed", type=int, default=0)
flags, turns, length = arguments.parse_args(), 12, 128
if not flags.seconds > 0 or flags.width < 64 or flags.width % 64 or flags.characters < 20000 or flags.seed < 0:
    arguments.error("it takes --seconds above 0, --width 64, 128, ..., --characters 20000 or more, --seed 0 or more")

# 1. The text as byte pairs. Bits are counted for a byte of it, whatever a token is.
parts = data.split_text(data.python_docs()[: flags.characters])
vocabulary = data.BytePairVocabulary.from_text(parts.train, 2000)
tokens, validation, test = map(vocabulary.encode, parts)
print(f"{len(tokens):,} tokens of {len(vocabulary):,}, {len(parts.train.encode()) / len(tokens):.2f} bytes each")

# 2. The two models and their batches: pieces from anywhere for one, the text in order for the other.
gpt = models.gpt(len(vocabulary), length, flags.width, flags.layers, flags.width // 64)
gpt_objective = models.LanguageModelLoss(gpt, bp.losses.LinearCrossEntropy(len(vocabulary)))
lstm = models.char_lm(len(vocabulary), flags.features // 2, flags.features, rate=0.2)
lstm_objective = bp.supervised(lstm, bp.losses.CrossEntropy())
windows = data.random_windows(tokens, 4, length, flags.seed)
stream = itertools.chain.from_iterable(data.stream_batches(tokens, 16, 32) for _ in itertools.count())
# An objective, its batches, the largest step size, and the loss of a text in eval mode.
contestants = {
    "GPT": (gpt_objective, windows, 1e-3, lambda *at: train.window_loss(gpt_objective, *at, length)),
    "LSTM": (lstm_objective, stream, 2e-3, lambda *at: train.stream_loss(lstm_objective, *at)),
}


def adamw(learning_rate):
    return optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(learning_rate, b2=0.95, weight_decay=0.1))


def learn(step, training, batches, peak, share):
    """Train for one turn. The step size follows the clock: it rises for a twentieth of the time, then falls to 0."""
    begin, now = time.perf_counter(), share
    while now < share + 1 / turns:
        rate = peak * min(20 * now, 0.5 + 0.5 * math.cos(math.pi * min(now, 1)))
        training.optimizer_state.hyperparams["learning_rate"] = np.float32(rate)
        training, loss = step(training, next(batches))
        jax.block_until_ready(loss)
        now = share + (time.perf_counter() - begin) / flags.seconds
    return training


# 3. Train both. What compiles does not count, nor does the validation.
bits = lambda loss, tokens: loss / math.log(2) * len(tokens) / len(vocabulary.decode(tokens).encode())
optimizer, steps, trainings = optim.inject_hyperparams(adamw)(learning_rate=0.0), {}, {}
for name, (objective, batches, _, _) in contestants.items():
    training = train.start(objective, optimizer, jax.random.key(flags.seed), next(batches))
    print(f"{name}: {sum(leaf.size for leaf in jax.tree.leaves(training.params)):,} numbers")
    steps[name] = train.make_step(objective, optimizer)
    trainings[name], _ = steps[name](training, next(batches))  # with a step size of 0
for turn in range(turns):
    for name, (_, batches, peak, _) in contestants.items():
        trainings[name] = learn(steps[name], trainings[name], batches, peak, turn / turns)
    if turn % 3 == 2:
        found = {
            name: bits(held_out(trainings[name].params, validation), validation)
            for name, (*_, held_out) in contestants.items()
        }
        print(
            f"{flags.seconds * (turn + 1) / turns:4.0f} s each   validation, bits a byte:",
            *(f"{name} {b:.3f}" for name, b in found.items()),
        )

# 4. Test both once, and let the GPT write.
prompt = test[:20]
written = models.generate(gpt, trainings["GPT"].params, prompt[None], 100, jax.random.key(flags.seed), 0.7)
print("\n" + vocabulary.decode(np.concatenate([prompt, written[0]])))
result = {name: bits(held_out(trainings[name].params, test), test) for name, (*_, held_out) in contestants.items()}
verdict = "better than" if result["GPT"] < result["LSTM"] else "no better than"
print(
    f"\nheld-out text, bits a byte: GPT {result['GPT']:.3f}, LSTM {result['LSTM']:.3f}: the GPT is {verdict} the LSTM"
)
