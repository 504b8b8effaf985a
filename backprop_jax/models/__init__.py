"""Models, composed of layers."""

from backprop_jax.models.attention_maps import cross_attention_maps
from backprop_jax.models.beam_search import beam_search
from backprop_jax.models.bert import bert, bert_classifier
from backprop_jax.models.bert_files import bert_labels, load_bert, save_bert
from backprop_jax.models.bert_parts import BertInput
from backprop_jax.models.bert_pretraining import BertPreTrainingLoss, bert_pretraining
from backprop_jax.models.character_model import char_lm
from backprop_jax.models.cifar_nets import cifar_plain, cifar_resnet
from backprop_jax.models.decoder_blocks import cross_attention_part, post_norm_decoder_block, pre_norm_decoder_block
from backprop_jax.models.encoder_decoder import EncoderDecoder, EncoderDecoderLoss
from backprop_jax.models.generation import generate
from backprop_jax.models.gpt import gpt
from backprop_jax.models.gpt2_files import load_gpt2, save_gpt2
from backprop_jax.models.language_model import LanguageModel, LanguageModelLoss
from backprop_jax.models.lenet5 import lenet
from backprop_jax.models.linear_softmax import linear_softmax
from backprop_jax.models.mlp import mlp
from backprop_jax.models.mobilenet_v1 import mobilenet
from backprop_jax.models.residual_mlp import residual_mlp
from backprop_jax.models.resnets import resnet18, resnet34, resnet50
from backprop_jax.models.sentiment import sentiment_classifier
from backprop_jax.models.tagging import sequence_tagger
from backprop_jax.models.torchvision_files import load_torchvision, save_torchvision
from backprop_jax.models.transformer_blocks import attention_part, feed_forward_part, post_norm_block, pre_norm_block
from backprop_jax.models.translation import transformer, translate

__all__ = [
    "BertInput",
    "BertPreTrainingLoss",
    "EncoderDecoder",
    "EncoderDecoderLoss",
    "LanguageModel",
    "LanguageModelLoss",
    "attention_part",
    "beam_search",
    "bert",
    "bert_classifier",
    "bert_labels",
    "bert_pretraining",
    "char_lm",
    "cifar_plain",
    "cifar_resnet",
    "cross_attention_maps",
    "cross_attention_part",
    "feed_forward_part",
    "generate",
    "gpt",
    "lenet",
    "linear_softmax",
    "load_bert",
    "load_gpt2",
    "load_torchvision",
    "mlp",
    "mobilenet",
    "post_norm_block",
    "post_norm_decoder_block",
    "pre_norm_block",
    "pre_norm_decoder_block",
    "residual_mlp",
    "resnet18",
    "resnet34",
    "resnet50",
    "save_bert",
    "save_gpt2",
    "save_torchvision",
    "sentiment_classifier",
    "sequence_tagger",
    "transformer",
    "translate",
]
