"""Pre-training: BERT reads film reviews with words hidden, then learns from a few which sentences praise.

    pip install 'backprop-jax[text]'
    python examples/bert.py [--steps 900] [--labels 1000]

The same network learns from the labels of some sentences, from random numbers and from those that it has by guessing
hidden words. Expect the latter behind, 57 % to 64 %: 7,397 sentences tell too little of what their words mean.
"""

import argparse
import itertools

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, models, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=900, help="of pre-training, each on 32 sentences")
arguments.add_argument("--labels", type=int, default=1000, help="sentences whose labels are known, 100 to 7397")
arguments.add_argument("--width", type=int, default=64, help="numbers between the blocks, a multiple of 32")
arguments.add_argument("--seeds", type=int, default=4, help="of fine-tuning, each with labels of other sentences")
flags, size = arguments.parse_args(), 32
if min(flags.steps, flags.seeds, flags.width // 32) < 1 or flags.width % 32 or not 100 <= flags.labels <= 7397:
    arguments.error("it takes --steps and --seeds 1 or more, --labels 100 to 7397, and --width 32, 64, ...")

# 1. Sentences as byte pairs behind a first token, at which BERT says what it makes of the whole.
films = data.film_sentences()
vocabulary = data.BytePairVocabulary.from_text("\n".join(films.train.texts).lower(), 3000, ("<pad>", "<s>", "<mask>"))


def batches(part, seed=None):
    sentences = [np.r_[1, vocabulary.encode(text.lower())][:48] for text in part.texts]
    for (tokens, lengths), y in data.bucket_batches(sentences, part.y, size, seed, boundaries=[48]):
        yield models.BertInput(tokens, None, lengths), y


# 2. Pre-training: each batch hides other words. That one text follows another is not asked: labels of -1 do not count.
encoder = models.bert(len(vocabulary), 48, flags.width, 2, flags.width // 32)
words = bp.losses.LinearCrossEntropy(len(vocabulary), use_bias=True, ignore_index=-1)
guessing = models.BertPreTrainingLoss(models.bert_pretraining(encoder), words, bp.losses.CrossEntropy(ignore_index=-1))
judging = bp.supervised(models.bert_classifier(encoder), bp.losses.CrossEntropy())


@jax.jit
def hidden(x, y, key):
    inputs, words_there = data.mask_tokens(key, x.tokens, len(vocabulary), 2, special_tokens=(0, 1))
    return x._replace(tokens=inputs), words_there, np.full(y.shape, -1)


def learn(objective, part, steps, seed, params, batch_of=lambda x, y, key: (x, y)):
    """What the training leaves. It begins with the given parameters, those that the model has."""
    key, losses = jax.random.key(seed), []
    schedule = optim.warmup_cosine_decay_schedule(0.0, 1e-3, steps // 10, steps)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule, weight_decay=0.01))
    training = train.start(objective, optimizer, key, batch_of(*next(batches(part)), key))
    training = training._replace(params=training.params | jax.tree.map(jax.numpy.array, params))
    pairs = (pair for epoch in itertools.count() for pair in batches(part, (seed, epoch)))
    for x, y in itertools.islice(pairs, steps):
        batch = batch_of(x, y, jax.random.fold_in(key, len(losses)))
        training, loss = train.make_step(objective, optimizer)(training, batch)
        losses.append(loss)
    print(f"loss {losses[0]:.3f}, in the end {np.mean(losses[-20:]):.3f}")
    return training


def right(training):
    scores = train.make_evaluation(judging.layer)
    return np.concatenate([scores(*training[:2], x).argmax(-1) == y for x, y in batches(films.test)]).mean()


bert, found = learn(guessing, films.train, flags.steps, 0, {}, hidden).params["bert"], []

# 3. The same training on the labels that are known, from both beginnings.
for seed in range(flags.seeds):
    few, steps = films.train[np.random.default_rng(seed).permutation(7397)[: flags.labels]], 5 * flags.labels // size
    found.append([right(learn(judging, few, steps, seed, params)) for params in ({"bert": bert}, {})])
    print("seed {}: pre-trained {:.1%}, from scratch {:.1%}".format(seed, *found[-1]))
print("\ntest sentences right: pre-trained {:.1%}, from scratch {:.1%}".format(*np.mean(found, 0)))
