"""A network that writes: an LSTM learns Python's documentation letter by letter, and tells how far it got.

    python examples/char_lm.py [--epochs 12] [--cell gru]

It prints what it writes as it learns, and how many bits it needs for a character of a text that it never saw, beside
those of 5-grams counted in the same training text. Expect about 1.82 against 1.94 after four minutes on two cores; it
is ahead after a minute and a half.
"""

import argparse
import math
import time

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, models, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epochs", type=int, default=12, help="passes over the training text")
arguments.add_argument("--cell", choices=["lstm", "gru"], default="lstm")
arguments.add_argument("--features", type=int, default=256, help="how many numbers it remembers, of an LSTM twice that")
arguments.add_argument("--characters", type=int, default=10**6, help="how many to read, from the beginning, at most")
arguments.add_argument("--seed", type=int, default=0)
flags = arguments.parse_args()
if flags.epochs < 1 or flags.features < 1 or flags.characters < 3000 or flags.seed < 0:
    arguments.error(
        "it takes --epochs 1 or more, --features 1 or more, --characters 3000 or more, and --seed 0 or more"
    )
begin, rows, steps = time.perf_counter(), 32, 64

# 1. The text, its first eight tenths to train on. A token is a character.
text = data.python_docs()[: flags.characters]
vocabulary = data.CharacterVocabulary.from_text(text)
tokens, validation, test = map(vocabulary.encode, data.split_text(text))
ngrams = data.NgramModel.from_tokens(tokens, len(vocabulary), order=5)
print(f"{len(tokens):,} characters, {len(vocabulary)} different ones; 5-grams: {ngrams.bits(validation):.3f} bits each")

# 2. The model. Its state goes from batch to batch, as the text does; gradients do not, and reach 64 steps at most.
model = models.char_lm(len(vocabulary), features=flags.features, cell=flags.cell, rate=0.3)
objective = bp.supervised(model, bp.losses.CrossEntropy())
batches = (len(tokens) - 1) // (rows * steps)
schedule = optim.warmup_cosine_decay_schedule(0.0, 1e-2, warmup_steps=batches // 2, decay_steps=flags.epochs * batches)
optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(schedule))
batch = next(data.stream_batches(tokens, rows, steps))
training = train.start(objective, optimizer, jax.random.key(flags.seed), batch)
print(bp.summarize(model, batch[0]), "\n")


def sample(params, length: int, seed: int, prompt: str = "The ") -> str:
    start = vocabulary.encode(prompt)[None]
    written = models.generate(model, params, start, length, jax.random.key(seed), temperature=0.7)
    return prompt + vocabulary.decode(np.asarray(written[0]))


def tell(row: train.TextEpoch, training: train.Training) -> None:
    bits, seconds = row.validation_loss / math.log(2), time.perf_counter() - begin
    print(f"epoch {row.epoch:2}   validation: {bits:.3f} bits a character   {seconds:.0f} s")
    print("    " + sample(training.params, 200, row.epoch).replace("\n", "\n    ") + "\n")


# 3. Train. Each epoch cuts the text at other places, and begins with a state that remembers nothing.
text = train.TextStream(tokens, validation, rows, steps, flags.seed)
params = train.fit(objective, optimizer, training, text, epochs=flags.epochs, on_epoch=tell).training.params

# 4. Test once, and let it write more.
print(sample(params, 1000, 0))
bits = train.stream_loss(objective, params, test) / math.log(2)
print(f"\nheld-out text, bits a character: {bits:.3f}, 5-grams {ngrams.bits(test):.3f}")
print(f"after {time.perf_counter() - begin:.0f} s")
