"""A transformer that writes: a GPT of 10 million numbers, beside the LSTM of char_lm.py, given the same time.

    pip install 'backprop-jax[text]'
    python examples/gpt.py [--seconds 120] [--width 384]

Both learn Python's documentation in turns, so that a busy machine slows both down. Each has what suits it: the GPT byte
pairs, and Muon for its matrices; the LSTM, of 0.4 million numbers, letters. Expect the LSTM ahead: 1.82 bits a byte
against 2.25 after 215 s each on one busy core, in which the GPT has read a text of 300,000 characters not even twice.
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
flags, turns, length = arguments.parse_args(), 12, 64
if not flags.seconds > 0 or flags.width < 64 or flags.width % 64 or flags.characters < 20000:
    arguments.error("it takes --seconds above 0, --width 64, 128, ..., and --characters 20000 or more")

# 1. The text, as byte pairs and as characters. Bits are counted for a byte of it, whatever a token is.
parts = data.split_text(text := data.python_docs()[: flags.characters])
pairs, letters = data.BytePairVocabulary.from_text(parts.train, 2000), data.CharacterVocabulary.from_text(text)

# 2. The models. One reads pieces from anywhere, the other the text in order, for it remembers what came before.
gpt = models.gpt(len(pairs), length, flags.width, 5, flags.width // 64)
objective = models.LanguageModelLoss(gpt, bp.losses.LinearCrossEntropy(len(pairs)))
matrices = lambda tree: jax.tree.map(lambda leaf: optim.MuonDimensionNumbers(1, 2) if leaf.ndim == 3 else None, tree)
muon = optim.muon(0.02, ns_steps=3, adam_learning_rate=3e-3, muon_weight_dimension_numbers=matrices)
rival = bp.supervised(models.char_lm(len(letters), rate=0.3), bp.losses.CrossEntropy())
windows = data.random_windows(pairs.encode(parts.train), 16, length, seed=0)
in_order = (batch for _ in itertools.count() for batch in data.stream_batches(letters.encode(parts.train), 32, 64))


def learn(name, training, done):
    """Train for one turn. The steps' size follows the clock: it rises for a twentieth of the time, then falls to 0."""
    (side, optimizer, batches), begin, now = sides[name], time.perf_counter(), done
    while now < done + 1 / turns:
        share = np.float32(min(20 * now, math.cos(math.pi * now / 2) ** 2))
        training.optimizer_state[-1].hyperparams["step_size"] = share
        training, _ = jax.block_until_ready(train.make_step(side, optimizer)(training, next(batches)))
        now = done + (time.perf_counter() - begin) / flags.seconds
    return training


def tell(part):
    read, spelled = pairs.encode(part), letters.encode(part)
    nats = len(read) * train.window_loss(objective, trainings["GPT"].params, read, length)
    others = len(spelled) * train.stream_loss(rival, trainings["LSTM"].params, spelled)
    return "bits a byte: GPT {:.3f}, LSTM {:.3f}".format(*np.array([nats, others]) / math.log(2) / len(part.encode()))


# 3. Train both. What compiles does not count, nor does the validation.
clip, clock, trainings = optim.clip_by_global_norm(1.0), optim.inject_hyperparams(optim.scale)(step_size=0.0), {}
sides = {
    "GPT": (objective, optim.chain(clip, muon, clock), windows),
    "LSTM": (rival, optim.chain(clip, optim.adam(1e-2), clock), in_order),
}
for name, (side, optimizer, batches) in sides.items():
    training = train.start(side, optimizer, jax.random.key(0), next(batches))
    print(f"{name}: {sum(leaf.size for leaf in jax.tree.leaves(training.params)):,} numbers")
    trainings[name], _ = train.make_step(side, optimizer)(training, next(batches))  # a step of size 0
for turn in range(turns):
    trainings = {name: learn(name, trainings[name], turn / turns) for name in sides}
    if turn % 3 == 2:
        print(f"turn {turn + 1:2} of {turns}   validation: {tell(parts.validation)}")

# 4. Test both once, and let the GPT write.
prompt = pairs.encode(parts.test)[:20]
written = models.generate(gpt, trainings["GPT"].params, prompt[None], length - 20, jax.random.key(0), 0.7)
print(f"\n{pairs.decode(np.r_[prompt, written[0]])}\n\nheld-out text: {tell(parts.test)}")
