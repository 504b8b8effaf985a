"""Pre-training: BERT reads film reviews with words hidden, then learns from a few which sentences praise.

    pip install 'backprop-jax[text]'
    python examples/bert.py [--epochs 12] [--labels 1000]

The sentences to train on are all read; the labels of some are known. The same network learns from these labels twice,
once from random numbers and once from those that it has by guessing hidden words; it says which was better.
"""

import argparse
import time

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, models, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epochs", type=int, default=12, help="passes over the sentences to pre-train")
arguments.add_argument("--labels", type=int, default=1000, help="sentences whose labels are known, 100 to 7397")
arguments.add_argument("--width", type=int, default=128, help="numbers between the blocks, a multiple of 32")
flags, begin, size = arguments.parse_args(), time.perf_counter(), 32
if flags.epochs < 1 or not 100 <= flags.labels <= 7397 or flags.width < 32 or flags.width % 32:
    arguments.error("it takes --epochs 1 or more, --labels 100 to 7397, and --width 32, 64, ...")

# 1. Sentences as byte pairs behind a first token, at which BERT says what it makes of the whole.
films = data.film_sentences()
vocabulary = data.BytePairVocabulary.from_text("\n".join(films.train.texts).lower(), 3000, ("<pad>", "<s>", "<mask>"))
encode = lambda text: np.concatenate([[1], vocabulary.encode(text.lower())])[:48]
tokens, test = ([encode(text) for text in part.texts] for part in (films.train, films.test))


def batches(sentences, labels, seed=None):
    for (padded, lengths), y in data.bucket_batches(sentences, labels, size, seed, boundaries=[48]):
        yield models.BertInput(padded, None, lengths), y


# 2. Pre-training: each batch hides other words. That one text follows another is not asked: labels of -1 do not count.
encoder = models.bert(len(vocabulary), 48, flags.width, 3, flags.width // 32, rate=0.1)
words = bp.losses.LinearCrossEntropy(len(vocabulary), use_bias=True, ignore_index=-1)
guessing = models.BertPreTrainingLoss(models.bert_pretraining(encoder), words, bp.losses.CrossEntropy(ignore_index=-1))
judging = bp.supervised(models.bert_classifier(encoder, rate=0.1), bp.losses.CrossEntropy())


def hidden(x, y, key):
    inputs, targets = data.mask_tokens(key, x.tokens, len(vocabulary), 2, special_tokens=(0, 1))
    return x._replace(tokens=inputs), targets, np.full(len(y), -1)


def learn(objective, part, epochs, peak, params, batch_of=lambda x, y, key: (x, y)):
    """What the training leaves. It begins with the given parameters, those that the model has."""
    steps, key = epochs * (len(part[0]) // size), jax.random.key(0)
    schedule = optim.warmup_cosine_decay_schedule(0.0, peak, steps // 10, steps)
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule, weight_decay=0.01))
    training = train.start(objective, optimizer, key, batch_of(*next(batches(*part)), key))
    training = training._replace(params=training.params | jax.tree.map(jax.numpy.array, params))
    for epoch in range(epochs):
        for number, (x, y) in enumerate(batches(*part, epoch), 1000 * epoch):
            batch = batch_of(x, y, jax.random.fold_in(key, number))
            training, loss = train.make_step(objective, optimizer)(training, batch)
        print(f"epoch {epoch + 1:2}   loss {loss:.3f}   {time.perf_counter() - begin:.0f} s")
    return training


def right(training):
    """The share of the test sentences that the classifier has right."""
    scores = train.make_evaluation(judging.layer)
    return np.concatenate([scores(*training[:2], x).argmax(-1) == y for x, y in batches(test, films.test.y)]).mean()


pretrained = learn(guessing, (tokens, films.train.y), flags.epochs, 1e-3, {}, hidden).params

# 3. The same training on the labels that are known, from both beginnings.
known = np.arange(flags.labels) * len(tokens) // flags.labels  # from all places, for praise stands first
few = [tokens[row] for row in known], films.train.y[known]
ours = right(learn(judging, few, 10, 5e-4, {"bert": pretrained["bert"]}))
theirs, error = right(learn(judging, few, 10, 5e-4, {})), (0.25 / len(test)) ** 0.5
verdict = f"{'' if ours > theirs + error else 'not '}better by more than a standard error, {error:.1%}"
print(f"\ntest sentences right: pre-trained {ours:.1%}, from scratch {theirs:.1%}: {verdict}")
