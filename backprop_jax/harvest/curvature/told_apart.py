"""An objective as a model and the curvature of its loss."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.rewrite import layers_of, rewrite_leaves
from backprop_jax.data.text.pretraining.masking import HiddenWords
from backprop_jax.harvest.curvature.last_product import LastProduct, LastProductRoot, LeftUndone
from backprop_jax.harvest.curvature.loss_roots import Root, loss_root, require_likelihood
from backprop_jax.losses import LinearCrossEntropy
from backprop_jax.models import BertPreTrainingLoss
from backprop_jax.models.bert_parts import BertInput
from backprop_jax.models.bert_pretraining import BertPreTraining, HeadResiduals

__all__ = ["ToldApart", "told_apart"]


class ToldApart(NamedTuple):
    model: Layer
    inputs: Callable[[PyTree], PyTree]  # what of a batch the model is given
    root: Callable[[PyTree, PyTree], Root]  # of a prediction and its batch


def told_apart(objective: Layer, wanted: str, how: str = "sampled") -> ToldApart:
    """The model and the root of the loss of a `supervised` objective, or of one that ends with `LinearCrossEntropy`.

    Raises:   ValueError if the two cannot be told apart, or the root of the loss is not known.
    """
    if isinstance(objective, Supervised):
        loss = objective.loss
        require_likelihood(loss, how)
        return ToldApart(
            objective.layer, itemgetter(0), lambda prediction, batch: loss_root(loss, prediction, batch[1])
        )
    losses = layers_of(objective, LinearCrossEntropy)
    if len(losses) != 1:
        raise ValueError(
            f"{wanted} needs an objective supervised(model, loss), or a model of one LinearCrossEntropy, as "
            f"LanguageModelLoss or chain(model=first(model), loss=LinearCrossEntropy(...)), to tell the two apart, not "
            f"{objective}"
        )
    [loss] = losses
    if loss.z_loss:
        raise ValueError(
            f"{wanted} knows no curvature of z_loss, in {loss}: dataclasses.replace(loss, z_loss=0.0) makes an "
            "objective without it"
        )
    if isinstance(objective, BertPreTrainingLoss):
        require_likelihood(objective.follows, how)
        return ToldApart(
            BertPredictions(objective.layer), lambda batch: batch, lambda *given: _of_both(objective, *given)
        )
    if layers_of(objective, BertPreTrainingLoss):
        raise ValueError(
            f"{wanted} needs BertPreTrainingLoss itself, to tell it apart, not what holds one: cast, remat or wrap its "
            f"model instead of the objective {objective}"
        )

    def root(prediction: PyTree, batch: PyTree) -> Root:
        if not isinstance(prediction, LastProduct):
            raise ValueError(f"{wanted} needs {loss} to be what the objective ends with, not a part within {objective}")
        return LastProductRoot(loss, prediction)

    return ToldApart(rewrite_leaves(objective, _undone), lambda batch: batch, root)


def _undone(path: str, leaf: Layer) -> Layer:
    return LeftUndone(leaf) if isinstance(leaf, LinearCrossEntropy) else leaf


class Predictions(NamedTuple):
    words: Any  # LastProduct, or arrays in the form of one
    follows: jax.Array


@dataclass(frozen=True)
class BertPredictions(Layer):
    """BERT's two predictions, the words' logits left undone, of the batch of its objective.

    Params, state, saves: those of the model.   Backward: of the heads, of bert.
    """

    hands_on = ("layer",)
    layer: BertPreTraining

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[Predictions, PyTree, HeadResiduals]:
        inputs, target, _ = x
        places, target = target if isinstance(target, HiddenWords) else (None, target)
        features, follows, state, residuals = self.layer.heads(params, state, inputs, places)
        tied = {"table": params["bert"]["embedding"]["table"], "b": params["b"]}
        return Predictions(LastProduct(features, tied, (target,)), follows), state, residuals

    def backward(self, params: PyTree, residuals: HeadResiduals, dy: Predictions) -> tuple[PyTree, PyTree]:
        words, dfollows = dy
        dparams = self.layer.backward_from_heads(params, residuals, words.hidden, words.params, dfollows)
        return dparams, (BertInput(None, None, None), None, None)


@dataclass(frozen=True)
class RootOfBoth:
    """The root of the sum of two losses of two predictions: the columns of the one, then those of the other."""

    words: Root
    follows: Root

    @property
    def value(self) -> PyTree:
        return self.words.value + self.follows.value

    @property
    def columns(self) -> int:
        return self.words.columns + self.follows.columns

    def column(self, number: jax.Array) -> Predictions:
        return Predictions(self.words.column(number), self.follows.column(number - self.words.columns))

    def sample(self, key: jax.Array, share: float = 1.0) -> Predictions:
        keys = jax.random.split(key)
        return Predictions(self.words.sample(keys[0], share), self.follows.sample(keys[1], share))

    def product(self, tangent: Predictions) -> Predictions:
        return Predictions(self.words.product(tangent.words), self.follows.product(tangent.follows))


def _of_both(objective: BertPreTrainingLoss, prediction: Predictions, batch: PyTree) -> RootOfBoth:
    words, follows = prediction
    return RootOfBoth(LastProductRoot(objective.loss, words), loss_root(objective.follows, follows, batch[2]))
