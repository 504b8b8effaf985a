"""Train a small network on handwritten digits, every gradient by a backward pass written by hand.

pip install 'backprop-jax[cli]'
python examples/digits_mlp.py --epochs 15
"""

import argparse

import jax

import backprop_jax as bp

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--epochs", type=int, default=15, help="passes over the 1,258 training images")
epochs = parser.parse_args().epochs
batch_size = 32

# 1. Data: 8x8 pixels in [0, 1], and the digits they show.
digits = bp.data.digits()

# 2. A model is a chain of layers. A layer is a value: it holds no arrays.
model = bp.chain(
    bp.Flatten(),
    bp.Dense(256),
    bp.GELU(),
    bp.Dropout(0.2),
    bp.Dense(256),
    bp.GELU(),
    bp.Dropout(0.2),
    bp.Dense(digits.classes),
)
print(bp.summarize(model, digits.train.x[:batch_size]))

# 3. With a loss it becomes an objective: a layer from (images, labels) to one number.
objective = bp.supervised(model, bp.losses.CrossEntropy(label_smoothing=0.1))
steps = max(1, epochs * (len(digits.train) // batch_size))
schedule = bp.optim.warmup_cosine_decay_schedule(0.0, 4e-3, warmup_steps=steps // 20, decay_steps=steps)
optimizer = bp.optim.adamw(schedule, weight_decay=0.01)

# 4. All that training changes lives outside: parameters, state (here the keys of dropout) and the optimizer's moments.
first_batch = next(bp.data.batches(digits.train, batch_size))
training = bp.train.start(objective, optimizer, jax.random.key(0), first_batch)

# 5. The hand-written gradient, beside that of jax.grad on the same forward pass.
params, state, _ = training
(loss, _), by_hand = jax.jit(bp.value_and_grad(objective))(params, state, first_batch)
by_autodiff = jax.jit(jax.grad(lambda params: objective.forward(params, state, first_batch)[0]))(params)
difference = max(jax.tree.leaves(jax.tree.map(lambda a, b: float(abs(a - b).max()), by_hand, by_autodiff)))
print(f"\nfirst loss {loss:.3f}; largest difference from jax.grad {difference:.1e}\n")

# 6. One step is one compiled function: forward, loss, backward, update.
step = bp.train.make_step(objective, optimizer)
for epoch in range(1, epochs + 1):
    for batch in bp.data.batches(digits.train, batch_size, seed=(0, epoch)):
        training, loss = step(training, batch)
    result = bp.train.evaluate(objective, training.params, training.state, digits.validation)
    print(f"epoch {epoch:2d}   loss {loss:.4f}   validation accuracy {result.accuracy:.2%}")

result = bp.train.evaluate(objective, training.params, training.state, digits.test)
print(f"\ntest accuracy {result.accuracy:.2%}")
