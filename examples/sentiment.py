"""Does a sentence praise the film? A GRU that reads it from both ends, beside a bag of words.

    pip install 'backprop-jax[cli]'
    python examples/sentiment.py [--epochs 6] [--seed 0]

Both learn from the same 7,400 sentences. The bag of words, a logistic regression, does not see the order of words, and
the GRU not those that occur once. The same validation sentences choose among both. Expect a draw, 79 % each.
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
arguments.add_argument("--epochs", type=int, default=6, help="passes over the training sentences, at most")
arguments.add_argument("--sentences", type=int, default=7397, help="how many to train on; all by default")
arguments.add_argument("--seed", type=int, default=0)
flags, begin, size, patience = arguments.parse_args(), time.perf_counter(), 32, 2
if flags.epochs < 1 or flags.seed < 0 or not 100 <= flags.sentences <= 7397:
    arguments.error("it takes --epochs 1 or more, --sentences 100 to 7397, and --seed 0 or more")

# 1. Sentences as words, numbered from 1. Those that occur once are not known, and 0.
films = data.film_sentences()
sentences = films.train[np.arange(flags.sentences) * len(films.train) // flags.sentences]  # praise stands first
words = lambda text: re.findall(r"[a-z']+|[!?.,;:]", text.lower())
known = [word for word, count in Counter(w for text in sentences.texts for w in words(text)).items() if count > 1]
number = {word: place for place, word in enumerate(known, start=1)}
encode = lambda part: ([np.array([number.get(w, 0) for w in words(text)], np.int32) for text in part.texts], part.y)
examples, validation, test = map(encode, (sentences, films.validation, films.test))

# 2. The bag of words.
counts = TfidfVectorizer(analyzer=words).fit(sentences.texts)
right = lambda bag, part: bag.score(counts.transform(part.texts), part.y)
fit = lambda c: LogisticRegression(C=c, max_iter=1000).fit(counts.transform(sentences.texts), sentences.y)
bag = max(map(fit, (0.3, 1, 3, 10, 30)), key=lambda bag: right(bag, films.validation))
print(f"bag of words, C = {bag.C}: validation {right(bag, films.validation):.1%}\n")

# 3. The network.
objective = bp.supervised(models.sentiment_classifier(len(known) + 1, rate=0.5), bp.losses.CrossEntropy())
steps = flags.epochs * (len(sentences) // size)
schedule = optim.warmup_cosine_decay_schedule(0.0, 2e-3, warmup_steps=steps // 20, decay_steps=steps)
optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule, weight_decay=0.01))


def batches(part, size, seed=None):
    """Padded sentences and labels; in training each word is unknown by chance, so that none decides alone."""
    rng = np.random.default_rng(seed)
    for (tokens, lengths), y in data.bucket_batches(*part, size, seed, boundaries=[24, 64]):
        unknown = rng.random(tokens.shape) < (0.0 if seed is None else 0.25)
        yield bp.Padded(np.where(unknown, 0, tokens), lengths), y


# 4. Train, until two epochs bring no better validation, and test what was best once.
training = train.start(objective, optimizer, jax.random.key(flags.seed), next(batches(examples, size)))
step, predict = train.make_step(objective, optimizer), train.make_evaluation(objective.layer)
hits = lambda params, x, y: np.asarray(predict(params, training.state, x)).argmax(-1) == y
share = lambda params, part: np.concatenate([hits(params, *pair) for pair in batches(part, 256)]).mean()
best, best_epoch, params = 0.0, 0, None
for epoch in range(1, flags.epochs + 1):
    for batch in batches(examples, size, (flags.seed, epoch)):
        training, loss = step(training, batch)
    accuracy = share(training.params, validation)
    print(f"epoch {epoch}   validation {accuracy:.1%}   {time.perf_counter() - begin:.0f} s")
    if accuracy > best:
        best, best_epoch, params = accuracy, epoch, jax.device_get(training.params)
    elif epoch - best_epoch >= patience:
        break

network, rival, error = share(params, test), right(bag, films.test), (0.2 * 0.8 / len(films.test)) ** 0.5
verdict = f"{'' if network > rival + error else 'not '}ahead by more than a standard error, {error:.1%}"
print(f"\ntest sentences right: network {network:.1%}, bag of words {rival:.1%}: {verdict}")
