"""GPT-2 in folders of Hugging Face's layout, so that weights go from one library to the other."""

import os
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.combinators.scan import Scan
from backprop_jax.core.layer import PyTree
from backprop_jax.core.rewrite import eval_mode, layers_of
from backprop_jax.data.text.byte_pairs import BytePairVocabulary
from backprop_jax.layers import Dropout, PositionEmbedding, SelfAttention
from backprop_jax.models.gpt import gpt
from backprop_jax.models.huggingface_files import Names, load_params, read_config, require_params, save_folder
from backprop_jax.models.language_model import LanguageModel
from backprop_jax.models.transformer_blocks import RECOMPUTE, Recompute

__all__ = ["load_gpt2", "save_gpt2"]

NAMES = Names(
    leaves={
        "embedding/table": "wte.weight",
        "body/wpe/table": "wpe.weight",
        "body/ln_f/scale": "ln_f.weight",
        "body/ln_f/shift": "ln_f.bias",
    },
    blocks="body/h",
    block="h.{}.",
    block_leaves={
        "attn/project/norm/scale": "ln_1.weight",
        "attn/project/norm/shift": "ln_1.bias",
        "attn/project/c_attn/w": "attn.c_attn.weight",
        "attn/project/c_attn/b": "attn.c_attn.bias",
        "attn/mix/c_proj/w": "attn.c_proj.weight",
        "attn/mix/c_proj/b": "attn.c_proj.bias",
        "mlp/norm/scale": "ln_2.weight",
        "mlp/norm/shift": "ln_2.bias",
        "mlp/c_fc/w": "mlp.c_fc.weight",
        "mlp/c_fc/b": "mlp.c_fc.bias",
        "mlp/act/c_proj/w": "mlp.c_proj.weight",
        "mlp/act/c_proj/b": "mlp.c_proj.bias",
    },
)
PREFIX = "transformer."
COPIES = {"lm_head.weight": "wte.weight"}  # the table once more
UNREAD = *COPIES, ".attn.bias", ".attn.masked_bias"  # and masks of what is causal


def load_gpt2(
    folder: str | os.PathLike, rate: float = 0.0, recompute: Recompute = "norms"
) -> tuple[LanguageModel, PyTree]:
    """A `gpt` and its parameters, from the files of GPT2LMHeadModel or GPT2Model in transformers.

    The sizes are those of `config.json`, dropout and what is recomputed those given. Numbers of any floating dtype
    become float32. `BytePairVocabulary.load(folder)` is the vocabulary, if there is one.

    Raises:   FileNotFoundError if a file is missing; ValueError if config.json is of another kind of model, such as one
              with another activation or a last matrix of its own, or the tensors are not those of a model of its sizes:
              the message names them; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    config = read_config(folder, "gpt2")
    config.require("activation_function", "gelu_new", "gelu_pytorch_tanh")  # two names of one function
    config.require("layer_norm_epsilon", 1e-5)
    config.require("scale_attn_weights", True)
    for name in ("scale_attn_by_inverse_layer_idx", "add_cross_attention"):
        config.require(name, False)
    config.require("tie_word_embeddings", True)
    features = config.count("n_embd", 768)
    config.require("n_inner", None, 4 * features)
    model = gpt(
        config.count("vocab_size", 50257),
        config.count("n_positions", 1024),
        features,
        config.count("n_layer", 12),
        config.count("n_head", 12),
        rate,
        recompute,
    )
    return model, load_params(folder, _shapes(model), NAMES, _own_name, COPIES)


def save_gpt2(
    folder: str | os.PathLike, model: LanguageModel, params: PyTree, vocabulary: BytePairVocabulary | None = None
) -> None:
    """Write a `gpt` as the files of GPT2LMHeadModel in transformers, whose `from_pretrained(folder)` reads it.

    With a vocabulary its tokenizer.json too; the files of another tokenizer in the folder are removed.

    Raises:   ValueError if the model is not one that `gpt` makes, the parameters are not the model's in structure and
              shapes, or the vocabulary has more tokens than it; OSError if a file cannot be written;
              ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    config = _config(model)
    require_params("save_gpt2", params, _shapes(model))
    tensors = {PREFIX + name: tensor for name, tensor in NAMES.tensors(params).items()}
    save_folder(folder, config, tensors, vocabulary, config["vocab_size"])


def _shapes(model: LanguageModel) -> PyTree:
    return jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1), jnp.int32))[0]


def _own_name(name: str) -> str | None:
    return None if name.endswith(UNREAD) else name.removeprefix(PREFIX)


def _config(model: LanguageModel) -> dict:
    if not isinstance(model, LanguageModel):
        raise ValueError(_not_ours(model))
    positions, blocks = layers_of(model, PositionEmbedding), layers_of(model, Scan)
    attention, dropout = layers_of(model, SelfAttention), layers_of(model, Dropout)
    if positions and blocks and attention and dropout:
        rate = dropout[0].rate
        sizes = {
            "vocab_size": model.embedding.num_embeddings,
            "n_positions": positions[0].num_embeddings,
            "n_embd": model.embedding.features,
            "n_layer": blocks[0].depth,
            "n_head": attention[0].num_heads,
        }
        same = (gpt(*sizes.values(), rate=rate, recompute=recompute) for recompute in RECOMPUTE)
        if eval_mode(model) in map(eval_mode, same):
            return {
                "model_type": "gpt2",
                "architectures": ["GPT2LMHeadModel"],
                **sizes,
                "n_inner": None,
                "activation_function": "gelu_new",
                "layer_norm_epsilon": 1e-5,
                **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), rate),
                "tie_word_embeddings": True,
                "bos_token_id": None,
                "eos_token_id": None,
            }
    raise ValueError(_not_ours(model))


def _not_ours(model: Any) -> str:
    return f"save_gpt2 writes models that models.gpt makes, not {model}"
