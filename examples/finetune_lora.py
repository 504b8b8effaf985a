"""Low-rank fine-tuning: a GPT that knows Python's documentation learns the language of film reviews, by few numbers.

    pip install 'backprop-jax[text]'
    python examples/finetune_lora.py [--steps 1500] [--rank 8]

All that it learned first stays as it is; small matrices beside its own learn the rest. In the end they are added to its
own, and the model has its old form.
"""

import argparse
import math
import time
from itertools import islice

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, models, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=1500, help="on the first text, and on the second half as many")
arguments.add_argument("--rank", type=int, default=8, help="of the small matrices, 1 to 64")
arguments.add_argument("--width", type=int, default=128, help="numbers between the blocks, a multiple of 64")
flags, begin, size, length = arguments.parse_args(), time.perf_counter(), 8, 64
if flags.steps < 2 or not 1 <= flags.rank <= 64 or flags.width < 64 or flags.width % 64:
    arguments.error("it takes --steps 2 or more, --rank 1 to 64, and --width 64, 128, ...")

# 1. Two texts in the same byte pairs.
docs, films = data.split_text(data.python_docs()), data.film_sentences()
mixed = lambda part: np.random.default_rng(0).permutation(part.texts)
reviews, held_out = "\n".join(mixed(films.train)), "\n".join(mixed(films.test)[:200])
vocabulary = data.BytePairVocabulary.from_text(docs.train + reviews, 2000)
first, second, other = map(vocabulary.encode, (docs.train, reviews, held_out))


def bits(objective, params):
    """For a byte of held-out reviews."""
    return train.window_loss(objective, params, other, length) / math.log(2) * len(other) / len(held_out.encode())


def learn(objective, transform, training, tokens, steps):
    for batch in islice(data.random_windows(tokens, size, length, seed=1), steps):
        training, _ = train.make_step(objective, transform)(training, batch)
    now = bits(objective, training.params)
    print(f"{steps} steps: {now:.3f} bits a byte   {time.perf_counter() - begin:.0f} s")
    return training.params, now


def adamw(peak, steps):
    schedule = optim.warmup_cosine_decay_schedule(0.0, peak, steps // 20, steps)
    return optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule, b2=0.95, weight_decay=0.1))


# 2. The first text, all numbers trained.
gpt = models.gpt(len(vocabulary), length, flags.width, 3, flags.width // 32)
objective = models.LanguageModelLoss(gpt, bp.losses.LinearCrossEntropy(len(vocabulary)))
transform, key = adamw(3e-3, flags.steps), jax.random.key(0)
batch = next(data.random_windows(first, size, length, seed=0))
print("documentation, of which the reviews are no part")
params, before = learn(objective, transform, train.start(objective, transform, key, batch), first, flags.steps)

# 3. The second text, small matrices beside those of attention and feed-forward layers trained.
adapted = bp.lora(objective, flags.rank, where="*/c_attn/w|*/c_proj/w|*/c_fc/w")
few = optim.groups({"base/*": optim.set_to_zero()}, default=adamw(3e-3, flags.steps // 2))
free = adapted.init_free(key, params)
counts = [sum(leaf.size for leaf in jax.tree.leaves(part)) for part in (free["adapters"], params)]
print("reviews, {:,} numbers trained beside {:,}".format(*counts))
_, state = adapted.init(key, batch)
tuned, after = learn(adapted, few, train.Training(free, state, few.init(free)), second, flags.steps // 2)

# 4. Put together: the same model, in the form that it had.
merged = bp.merge_lora(adapted, tuned)
same, fewer = math.isclose(bits(objective, merged), after, rel_tol=1e-5), before - after
print(
    f"\nheld-out reviews, bits a byte: {before:.3f}, then {after:.3f}, {fewer:.3f} fewer; put together the same: {same}"
)
prompt = vocabulary.encode("the film is")[None]
written = models.generate(gpt, merged, prompt, 50, key, 0.7)
print("the film is" + vocabulary.decode(np.asarray(written[0])))
