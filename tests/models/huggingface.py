"""Our model of a folder in Hugging Face's layout, on the batch that transformers was given."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors.numpy import load_file, save_file

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.models import BertInput, BertPreTrainingLoss, LanguageModelLoss
from backprop_jax.testing.cases import QUICK
from tests.oracles import huggingface as oracle

__all__ = ["Read", "gradients", "logits", "losses_of_training", "read", "save", "write_folder"]


class Read(NamedTuple):
    case: oracle.Case
    model: Any
    params: Any
    state: Any
    objective: bp.Layer
    batch: Any


def write_folder(folder: Path, case: oracle.Case) -> dict[str, np.ndarray]:
    """The files of a case, made without transformers; the tensors in them."""
    shapes = {name: tuple(shape) for name, shape in oracle.stored()[case.name]["shapes"].items()}
    tensors = oracle.tensors(shapes)
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(case.config))
    return tensors


def read(folder: Path, case: oracle.Case, **options: Any) -> Read:
    is_gpt2 = case.config["model_type"] == "gpt2"
    load = bp.models.load_gpt2 if is_gpt2 else bp.models.load_bert
    model, params = load(folder, **options)
    parts = oracle.batch(case)
    if is_gpt2:
        objective: bp.Layer = LanguageModelLoss(model, LinearCrossEntropy(case.vocabulary, ignore_index=-1))
        batch: Any = parts["tokens"], parts["targets"]
    else:
        x = BertInput(parts["tokens"], parts["types"], oracle.LENGTHS)
        if case.name == "BertForPreTraining":
            words = LinearCrossEntropy(case.vocabulary, use_bias=True, ignore_index=-1)
            objective, batch = BertPreTrainingLoss(model, words), (x, parts["targets"], parts["labels"])
        else:
            objective, batch = bp.supervised(model, CrossEntropy()), (x, parts["labels"])
    state = jax.jit(lambda: model.init(jax.random.key(0), batch[0])[1], compiler_options=QUICK)()
    return Read(case, model, params, state, objective, batch)


def logits(given: Read) -> list[np.ndarray]:
    forward = jax.jit(lambda params, state, x: given.model.forward(params, state, x)[0], compiler_options=QUICK)
    return jax.tree.leaves(forward(given.params, given.state, given.batch[0]))


def losses_of_training(given: Read) -> np.ndarray:
    """Before each of ten steps of AdamW on the one batch."""
    optimizer = optim.adamw(oracle.LEARNING_RATE, weight_decay=oracle.WEIGHT_DECAY)
    gradient = bp.value_and_grad(given.objective)

    def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
        params, moments = carry
        (loss, _), dparams = gradient(params, given.state, given.batch)
        updates, moments = optimizer.update(dparams, moments, params)
        return (optim.apply_updates(params, updates), moments), loss

    train = jax.jit(lambda start: jax.lax.scan(step, start, length=oracle.STEPS_OF_ADAMW), compiler_options=QUICK)
    _, losses = train((given.params, optimizer.init(given.params)))
    return np.asarray(losses)


def save(folder: Path, given: Read, params: Any) -> dict[str, np.ndarray]:
    """Write parameters, or what has their structure, and read the tensors in the file."""
    store = bp.models.save_gpt2 if given.case.config["model_type"] == "gpt2" else bp.models.save_bert
    store(folder, given.model, params)
    return load_file(folder / "model.safetensors")


def gradients(given: Read, folder: Path) -> tuple[float, dict[str, np.ndarray]]:
    """The loss, and the gradients by their names and in their layouts there."""
    step = jax.jit(bp.value_and_grad(given.objective), compiler_options=QUICK)
    (loss, _), dparams = step(given.params, given.state, given.batch)
    return float(loss), save(folder, given, dparams)
