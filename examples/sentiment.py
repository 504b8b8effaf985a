"""Does a sentence praise the film? A GRU that reads it from both ends, beside a bag of words.

    pip install 'backprop-jax[cli]'
    python examples/sentiment.py [--epochs 8] [--seed 0]

Both see the same words of the same 7,400 sentences. The bag of words, a logistic regression, does not know their order,
and has its best of five regularizations by the validation set. The network stops by the same set.
"""

import argparse
import re
import time
from collections import Counter

import jax
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import backprop_jax as bp
from backprop_jax import data, models, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--epochs", type=int, default=8, help="passes over the training sentences, at most")
arguments.add_argument("--sentences", type=int, help="how many to train on; all by default")
arguments.add_argument("--seed", type=int, default=0)
flags = arguments.parse_args()
begin, batch_size, patience = time.perf_counter(), 32, 2

# 1. Sentences as words. Those that occur once are unknown, number 0, so that the network learns what to make of such.
films = data.film_sentences()
sentences = films.train[: flags.sentences]
words = lambda text: re.findall(r"\w+", text.lower())
known = [word for word, count in Counter(w for text in sentences.texts for w in words(text)).items() if count > 1]
number = {word: place for place, word in enumerate(known, start=1)}
encode = lambda texts: [np.array([number.get(w, 0) for w in words(text)], np.int32) for text in texts]
tokens, validation, test = (encode(part.texts) for part in (sentences, films.validation, films.test))

# 2. The bag of words.
counts = TfidfVectorizer(analyzer=words).fit(sentences.texts)
bags = [
    LogisticRegression(C=c, max_iter=1000).fit(counts.transform(sentences.texts), sentences.y)
    for c in (0.3, 1, 3, 10, 30)
]
right = lambda bag, part: bag.score(counts.transform(part.texts), part.y)
bag = max(bags, key=lambda bag: right(bag, films.validation))
print(f"bag of words, C = {bag.C}: validation {right(bag, films.validation):.1%}\n")

# 3. The network.
model = models.sentiment_classifier(len(known) + 1, width=100, features=64, rate=0.5)
objective = bp.supervised(model, bp.losses.CrossEntropy())
optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(2e-3, weight_decay=0.01))
batches = lambda *arguments, seed=None: (
    (bp.Padded(*sequences), y) for sequences, y in data.bucket_batches(*arguments, seed=seed)
)
training = train.start(objective, optimizer, jax.random.key(flags.seed), next(batches(tokens, sentences.y, batch_size)))
step, predict = train.make_step(objective, optimizer), train.make_evaluation(model)


def evaluate(params, state, sequences, y):
    """Mean loss and accuracy."""
    parts = [(predict(params, state, x), target) for x, target in batches(sequences, y, 256)]
    logits, target = (np.concatenate(column) for column in zip(*parts, strict=True))
    loss, _, _ = objective.loss.forward((), (), (logits, target))
    return float(loss), np.mean(logits.argmax(-1) == target)


# 4. Train, until the loss of the validation set has not improved for two epochs; what was best is kept.
losses, best = [], None
for epoch in range(1, flags.epochs + 1):
    for batch in batches(tokens, sentences.y, batch_size, seed=(flags.seed, epoch)):
        training, _ = step(training, batch)
    loss, accuracy = evaluate(*training[:2], validation, films.validation.y)
    losses.append(loss)
    print(f"epoch {epoch}   validation: loss {loss:.3f}, {accuracy:.1%}   {time.perf_counter() - begin:.0f} s")
    if loss == min(losses):
        best = jax.device_get(training.params)
    elif len(losses) - np.argmin(losses) > patience:
        break

# 5. Test once.
_, accuracy = evaluate(best, training.state, test, films.test.y)
print(f"\ntest sentences right: network {accuracy:.1%}, bag of words {right(bag, films.test):.1%}")
