"""BERT in folders of Hugging Face's layout, so that weights go from one library to the other."""

import os
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

from backprop_jax.combinators.chain import Chain
from backprop_jax.combinators.scan import Scan
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, layers_of
from backprop_jax.data.text.byte_pairs import BytePairVocabulary
from backprop_jax.files.tensors import tensor_types
from backprop_jax.layers import Dense, Dropout, PositionEmbedding, SelfAttention
from backprop_jax.models.bert import EPS, Bert, bert, bert_classifier
from backprop_jax.models.bert_parts import BertInput, TokenTypes
from backprop_jax.models.bert_pretraining import BertPreTraining, bert_pretraining
from backprop_jax.models.huggingface_files import (
    WEIGHTS,
    Names,
    load_params,
    read_config,
    require_params,
    save_folder,
    unnamed,
)
from backprop_jax.models.transformer_blocks import RECOMPUTE, Recompute

__all__ = ["bert_labels", "load_bert", "save_bert"]

NAMES = Names(
    leaves={
        "bert/embedding/table": "bert.embeddings.word_embeddings.weight",
        "bert/body/types/table": "bert.embeddings.token_type_embeddings.weight",
        "bert/body/positions/table": "bert.embeddings.position_embeddings.weight",
        "bert/body/norm/scale": "bert.embeddings.LayerNorm.weight",
        "bert/body/norm/shift": "bert.embeddings.LayerNorm.bias",
        "pooler/dense/w": "bert.pooler.dense.weight",
        "pooler/dense/b": "bert.pooler.dense.bias",
        "words/dense/w": "cls.predictions.transform.dense.weight",
        "words/dense/b": "cls.predictions.transform.dense.bias",
        "words/norm/scale": "cls.predictions.transform.LayerNorm.weight",
        "words/norm/shift": "cls.predictions.transform.LayerNorm.bias",
        "b": "cls.predictions.bias",
        "follows/w": "cls.seq_relationship.weight",
        "follows/b": "cls.seq_relationship.bias",
        "classifier/w": "classifier.weight",
        "classifier/b": "classifier.bias",
    },
    blocks="bert/body/layers",
    block="bert.encoder.layer.{}.",
    block_leaves={
        "attn/project/c_attn/w": tuple(f"attention.self.{part}.weight" for part in ("query", "key", "value")),
        "attn/project/c_attn/b": tuple(f"attention.self.{part}.bias" for part in ("query", "key", "value")),
        "attn/mix/c_proj/w": "attention.output.dense.weight",
        "attn/mix/c_proj/b": "attention.output.dense.bias",
        "ln_1/scale": "attention.output.LayerNorm.weight",
        "ln_1/shift": "attention.output.LayerNorm.bias",
        "mlp/c_fc/w": "intermediate.dense.weight",
        "mlp/c_fc/b": "intermediate.dense.bias",
        "mlp/act/c_proj/w": "output.dense.weight",
        "mlp/act/c_proj/b": "output.dense.bias",
        "ln_2/scale": "output.LayerNorm.weight",
        "ln_2/shift": "output.LayerNorm.bias",
    },
    transposed=True,
)
COPIES = {  # the table and the bias once more
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}
UNREAD = *COPIES, "bert.embeddings.position_ids"  # and the numbers of the places
CLASSES = 2  # if the configuration names none


def load_bert(
    folder: str | os.PathLike, rate: float = 0.0, recompute: Recompute = "norms"
) -> tuple[BertPreTraining | Chain, PyTree]:
    """A BERT and its parameters, from the files of BertForPreTraining or BertForSequenceClassification in transformers.

    Of the first comes what `bert_pretraining`, of the second what `bert_classifier` makes; of what is pre-trained the
    "bert" and "pooler" of the parameters go into those of a classifier, to fine-tune it. The sizes are those of
    `config.json`, where `id2label` has the classes, whose names are `bert_labels(folder)`; dropout and what is
    recomputed are those given. Numbers of any floating dtype become float32. `BytePairVocabulary.load(folder)` is the
    vocabulary, if there is one.

    Raises:   FileNotFoundError if a file is missing; ValueError if config.json is of another kind of model, such as one
              with another activation, or the tensors are not those of one of the two models of its sizes: the message
              names them; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    config = read_config(folder, "bert")
    config.require("hidden_act", "gelu")
    config.require("layer_norm_eps", EPS)
    config.require("position_embedding_type", "absolute")
    for name in ("is_decoder", "add_cross_attention"):
        config.require(name, False)
    config.require("tie_word_embeddings", True)
    encoder = bert(
        config.count("vocab_size", 30522),
        config.count("max_position_embeddings", 512),
        config.count("hidden_size", 768),
        config.count("num_hidden_layers", 12),
        config.count("num_attention_heads", 12),
        config.count("intermediate_size", 3072),
        config.count("type_vocab_size", 2),
        rate,
        recompute,
    )
    names = set(map(_own_name, tensor_types(Path(folder) / WEIGHTS)))
    if "cls.seq_relationship.weight" in names:
        model: BertPreTraining | Chain = bert_pretraining(encoder)
    elif "classifier.weight" in names:
        model = bert_classifier(encoder, len(config.labels(CLASSES)), rate)
    else:
        raise ValueError(
            f"{Path(folder) / WEIGHTS} has neither cls.seq_relationship.weight, as BertForPreTraining, nor "
            "classifier.weight, as BertForSequenceClassification: save one of these"
        )
    return model, load_params(folder, _shapes(model), NAMES, _own_name, COPIES)


def bert_labels(folder: str | os.PathLike) -> tuple[str, ...]:
    """The names of the classes of BertForSequenceClassification, in the order of its logits: "LABEL_0" and so on, if
    its config.json has no others.

    Raises:   FileNotFoundError if there is none; ValueError if it is of another kind of model or its `id2label` does
              not name the classes 0, 1, ...
    """
    return read_config(folder, "bert").labels(CLASSES)


def save_bert(
    folder: str | os.PathLike,
    model: BertPreTraining | Chain,
    params: PyTree,
    vocabulary: BytePairVocabulary | None = None,
    labels: Sequence[str] | None = None,
) -> None:
    """Write what `bert_pretraining` or `bert_classifier` made of a `bert` as the files of BertForPreTraining or
    BertForSequenceClassification in transformers, whose `from_pretrained(folder)` reads them.

    With a vocabulary its tokenizer.json too; the files of another tokenizer in the folder are removed. `labels` are the
    names of a classifier's classes, such as `bert_labels` of the folder that it is from.

    Raises:   ValueError if the model is none of these, the parameters are not the model's in structure and shapes, the
              vocabulary has more tokens than it, or the labels are not different names, one for each class; OSError if
              a file cannot be written; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    config = _config(model)
    if labels is not None:
        config |= _labels(labels, len(config.get("id2label", ())))
    require_params("save_bert", params, _shapes(model))
    save_folder(folder, config, NAMES.tensors(params), vocabulary, config["vocab_size"])


def _shapes(model: Layer) -> PyTree:
    return jax.eval_shape(model.init, jax.random.key(0), BertInput(jax.ShapeDtypeStruct((1, 1), jnp.int32)))[0]


def _own_name(name: str) -> str | None:
    if name in UNREAD:
        return None
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")  # until 2019


def _config(model: Layer) -> dict:
    if not isinstance(model, BertPreTraining | Chain):
        raise ValueError(_not_ours(model))
    encoders, positions, types = (
        layers_of(model, Bert),
        layers_of(model, PositionEmbedding),
        layers_of(model, TokenTypes),
    )
    blocks, attention = layers_of(model, Scan), layers_of(model, SelfAttention)
    dense = layers_of(blocks[0], Dense) if blocks else []
    if not (encoders and positions and types and attention and len(dense) > 2):
        raise ValueError(_not_ours(model))
    dropout, *others = layers_of(model, Dropout)
    sizes = {
        "vocab_size": encoders[0].embedding.num_embeddings,
        "max_position_embeddings": positions[0].num_embeddings,
        "hidden_size": encoders[0].embedding.features,
        "num_hidden_layers": blocks[0].depth,
        "num_attention_heads": attention[0].num_heads,
        "intermediate_size": dense[2].features,
        "type_vocab_size": types[0].num_embeddings,
    }
    pretraining, classes = isinstance(model, BertPreTraining), layers_of(model, Dense)[-1].features
    for recompute in RECOMPUTE:
        encoder = bert(*sizes.values(), rate=dropout.rate, recompute=recompute)
        same = bert_pretraining(encoder) if pretraining else bert_classifier(encoder, classes, others[-1].rate)
        if eval_mode(same) == eval_mode(model):
            break
    else:
        raise ValueError(_not_ours(model))
    config = {
        "model_type": "bert",
        "architectures": ["BertForPreTraining" if pretraining else "BertForSequenceClassification"],
        **sizes,
        "hidden_act": "gelu",
        "layer_norm_eps": EPS,
        "hidden_dropout_prob": dropout.rate,
        "attention_probs_dropout_prob": dropout.rate,
        "tie_word_embeddings": True,
    }
    if pretraining:
        return config
    return config | {"classifier_dropout": others[-1].rate} | _labels(unnamed(classes), classes)


def _labels(names: Sequence[str], classes: int) -> dict:
    if isinstance(names, str) or len({*names}) != classes or len(names) != classes:
        raise ValueError(f"save_bert needs labels for {classes} classes, different names, not {names!r}")
    return {
        "id2label": {str(number): name for number, name in enumerate(names)},
        "label2id": {name: number for number, name in enumerate(names)},
    }


def _not_ours(model: Layer) -> str:
    return (
        f"save_bert writes what models.bert_pretraining and models.bert_classifier make of a models.bert, not {model}"
    )
