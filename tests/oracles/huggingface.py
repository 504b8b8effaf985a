"""What transformers 5.23 on PyTorch 2.13 gave for small GPT-2s and BERTs.

python -m tests.oracles.huggingface     calculates it anew, with the extra `torch` and transformers
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["CASES", "LENGTHS", "Case", "batch", "fingerprint", "random_case", "stored", "tensors"]

FILE = Path(__file__).with_suffix(".json")
BATCH, STEPS = 3, 6
LENGTHS = np.array([6, 2, 4], np.int32)
STEPS_OF_ADAMW, LEARNING_RATE, WEIGHT_DECAY = 10, 3e-3, 0.1


class Case(NamedTuple):
    """A class of transformers, and its configuration."""

    name: str
    config: dict[str, Any]

    @property
    def vocabulary(self) -> int:
        return self.config["vocab_size"]


GPT2 = {"model_type": "gpt2", "vocab_size": 11, "n_positions": 8, "n_embd": 12, "n_layer": 3, "n_head": 3}
GPT2 |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
BERT = {"model_type": "bert", "vocab_size": 13, "max_position_embeddings": 8, "hidden_size": 12}
BERT |= {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "type_vocab_size": 3}
BERT |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
THREE = {"id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
CASES = [
    Case("GPT2LMHeadModel", GPT2),
    Case("BertForPreTraining", BERT),
    Case("BertForSequenceClassification", BERT | THREE),
]


def random_case(name: str, seed: int) -> Case:
    """Of a class of transformers, one of the configurations that can be read."""
    numbers = np.random.default_rng([seed, *name.encode()])

    def draw(*choices: Any) -> Any:
        return choices[numbers.integers(len(choices))]

    heads, layers, vocabulary, length = draw(1, 2, 3, 5), draw(1, 2, 4), draw(2, 17, 64), draw(6, 9)
    width = heads * draw(2, 4, 7)
    if name == "GPT2LMHeadModel":
        sizes = {"vocab_size": vocabulary, "n_positions": length, "n_embd": width, "n_layer": layers, "n_head": heads}
        names = {"activation_function": draw("gelu_new", "gelu_pytorch_tanh"), "n_inner": draw(None, 4 * width)}
        return Case(name, GPT2 | sizes | names)
    classes = {str(number): f"class {number}" for number in range(draw(3, 4))}
    sizes = {"vocab_size": vocabulary, "max_position_embeddings": length, "hidden_size": width}
    sizes |= {"num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": draw(1, 9, 30)}
    return Case(name, BERT | sizes | {"type_vocab_size": draw(1, 2, 5), "id2label": classes})


def tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Parameters with these names and shapes, by the order of the names, no two alike and none at its usual start."""
    found = {}
    for number, name in enumerate(sorted(shapes)):
        values = 0.3 * np.random.default_rng(number).standard_normal(shapes[name])
        is_scale = name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight", "LayerNorm.weight"))
        found[name] = (values + is_scale).astype(np.float32)
    return found


def batch(case: Case) -> dict[str, np.ndarray]:
    """Tokens, 0 only where a text has ended, and what is to be told of them: -1 where nothing is."""
    numbers = np.random.default_rng(0)
    tokens = numbers.integers(1, case.vocabulary, (BATCH, STEPS), np.int32)
    if case.name == "GPT2LMHeadModel":
        return {"tokens": tokens, "targets": np.where(numbers.random(tokens.shape) < 0.8, np.roll(tokens, -1, 1), -1)}
    real = np.arange(STEPS) < LENGTHS[:, None]
    types = numbers.integers(0, case.config["type_vocab_size"], tokens.shape, np.int32)
    targets = np.where(real & (numbers.random(tokens.shape) < 0.6), np.roll(tokens, 2, 1), -1)
    labels = np.array([1, 0, 1 if case.name == "BertForPreTraining" else 2], np.int32)
    return {"tokens": np.where(real, tokens, 0), "types": types, "targets": targets, "labels": labels}


def fingerprint(tensor: np.ndarray) -> list[float]:
    """Two numbers that change with every element: the norm, and the sum along a direction."""
    direction = np.sin(1.0 + np.arange(math.prod(tensor.shape)) ** 2).reshape(tensor.shape)
    values = np.asarray(tensor, np.float64)
    return [float(np.linalg.norm(values)), float(np.sum(values * direction))]


def stored() -> dict[str, dict[str, Any]]:
    """By the class: names and shapes of its tensors, its logits, loss, gradients and the losses of ten steps of AdamW.

    They are for `tensors` of these shapes and `batch`; of a gradient there is the `fingerprint`.
    """
    return json.loads(FILE.read_text())


def twin(case: Case) -> Any:
    """The model of transformers with `tensors` as parameters, in float32, in training mode (there is no dropout)."""
    import torch
    import transformers

    options = {name: value for name, value in case.config.items() if name != "model_type"}
    options |= {"attn_implementation": "eager", "bos_token_id": None, "eos_token_id": None}
    model = getattr(transformers, case.name)(transformers.AutoConfig.for_model(case.config["model_type"], **options))
    with torch.no_grad():
        values = tensors({name: tuple(parameter.shape) for name, parameter in model.named_parameters()})
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(values[name]))
    return model.train()


def outputs(case: Case, model: Any) -> tuple[list[Any], Any]:
    """Its logits and its loss on `batch`."""
    import torch

    parts = {name: torch.from_numpy(part.astype(np.int64)) for name, part in batch(case).items()}
    targets = torch.where(parts["targets"] < 0, -100, parts["targets"])
    if case.name == "GPT2LMHeadModel":
        logits = model(parts["tokens"]).logits  # its own loss shifts the targets
        return [logits], torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    inputs = {"input_ids": parts["tokens"], "token_type_ids": parts["types"]}
    inputs["attention_mask"] = torch.from_numpy((np.arange(STEPS) < LENGTHS[:, None]).astype(np.int64))
    if case.name == "BertForPreTraining":
        found = model(**inputs, labels=targets, next_sentence_label=parts["labels"])
        return [found.prediction_logits, found.seq_relationship_logits], found.loss
    found = model(**inputs, labels=parts["labels"])
    return [found.logits], found.loss


def gradients(case: Case, model: Any) -> dict[str, np.ndarray]:
    """Those of its parameters, by their names."""
    model.zero_grad()
    outputs(case, model)[1].backward()
    return {name: parameter.grad.numpy().copy() for name, parameter in model.named_parameters()}


def losses_of_training(case: Case, model: Any) -> list[float]:
    """Before each of ten steps of AdamW on the one batch."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    losses = []
    for _ in range(STEPS_OF_ADAMW):
        optimizer.zero_grad()
        loss = outputs(case, model)[1]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _calculated(case: Case) -> dict[str, Any]:
    model = twin(case).double()
    logits, loss = outputs(case, model)
    found = {name: _rounded(fingerprint(gradient)) for name, gradient in gradients(case, model).items()}
    return {
        "shapes": {name: list(parameter.shape) for name, parameter in model.named_parameters()},
        "logits": [_rounded(part.detach().flatten().tolist()) for part in logits],
        "loss": loss.item(),
        "gradients": found,
        "training": _rounded(losses_of_training(case, model)),
    }


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 8) for value in values]


def main() -> None:
    lines = (f"{json.dumps(case.name)}: {json.dumps(_calculated(case), separators=(',', ':'))}" for case in CASES)
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
