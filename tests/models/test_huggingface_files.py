"""GPT-2 and BERT as transformers has them: numbers that it gave are the measure, and where it is there, itself."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import backprop_jax as bp
from backprop_jax.data import BytePairVocabulary
from tests.models import huggingface
from tests.oracles import huggingface as oracle

GPT2, BERT, CLASSIFIER = oracle.CASES
each_case = pytest.mark.parametrize("case", oracle.CASES, ids=lambda case: case.name)


@each_case
def test_logits_loss_and_gradients_are_those_that_transformers_gave(case: oracle.Case, tmp_path: Path) -> None:
    huggingface.write_folder(tmp_path, case)
    expected, given = oracle.stored()[case.name], huggingface.read(tmp_path, case)
    if case is not BERT:
        for ours, theirs in zip(huggingface.logits(given), expected["logits"], strict=True):
            np.testing.assert_allclose(ours.reshape(-1), theirs, atol=1e-4)
    loss, gradients = huggingface.gradients(given, tmp_path / "gradients")
    assert abs(loss - expected["loss"]) < 1e-4
    assert gradients.keys() == expected["gradients"].keys()
    for name, fingerprint in expected["gradients"].items():
        np.testing.assert_allclose(oracle.fingerprint(gradients[name]), fingerprint, atol=1e-4, err_msg=name)


def test_logits_of_words_and_of_what_follows(tmp_path: Path) -> None:
    huggingface.write_folder(tmp_path, BERT)
    words, follows = huggingface.logits(huggingface.read(tmp_path, BERT, recompute="block"))
    expected = oracle.stored()[BERT.name]["logits"]
    real = np.arange(words.shape[1]) < oracle.LENGTHS[:, None]
    np.testing.assert_allclose(words[real], np.reshape(expected[0], words.shape)[real], atol=1e-4)
    np.testing.assert_allclose(follows.reshape(-1), expected[1], atol=1e-4)


@each_case
def test_ten_losses_of_adamw_are_those_that_transformers_gave(case: oracle.Case, tmp_path: Path) -> None:
    huggingface.write_folder(tmp_path, case)
    losses = huggingface.losses_of_training(huggingface.read(tmp_path, case))
    np.testing.assert_allclose(losses, oracle.stored()[case.name]["training"], atol=1e-4)


@each_case
def test_what_is_saved_is_what_was_read_bit_for_bit(case: oracle.Case, tmp_path: Path) -> None:
    tensors = huggingface.write_folder(tmp_path / "theirs", case)
    given = huggingface.read(tmp_path / "theirs", case, rate=0.1)
    saved = huggingface.save(tmp_path / "ours", given, given.params)
    assert saved.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(saved[name], tensor, err_msg=name)
    again = huggingface.read(tmp_path / "ours", case, rate=0.1)
    assert again.model == given.model
    jax.tree.map(np.testing.assert_array_equal, again.params, given.params)


def test_other_forms_of_the_names_are_read(tmp_path: Path) -> None:
    """GPT2Model has no prefix, the last matrix and the masks may be there; BERT of 2018 had gamma and beta."""
    tensors = huggingface.write_folder(tmp_path / "gpt2", GPT2)
    old = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    old |= {"lm_head.weight": old["wte.weight"], "h.0.attn.bias": np.ones((1, 1, 8, 8), np.float32)}
    save_file(old | {"h.0.attn.masked_bias": np.float32([-1e4])}, tmp_path / "gpt2/model.safetensors")
    read = huggingface.read(tmp_path / "gpt2", GPT2).params
    np.testing.assert_array_equal(read["body"]["h"]["mlp"]["c_fc"]["w"][2], tensors["transformer.h.2.mlp.c_fc.weight"])

    tensors = huggingface.write_folder(tmp_path / "bert", BERT)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    save_file(old | {"bert.embeddings.position_ids": np.arange(8)[None]}, tmp_path / "bert/model.safetensors")
    read = huggingface.read(tmp_path / "bert", BERT).params
    np.testing.assert_array_equal(read["words"]["norm"]["scale"], old["cls.predictions.transform.LayerNorm.gamma"])


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    tensors = huggingface.write_folder(tmp_path, GPT2)
    save_file({name: tensor.astype(np.float16) for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
    table = huggingface.read(tmp_path, GPT2).params["embedding"]["table"]
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, tensors["transformer.wte.weight"], rtol=1e-3)


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    tensors = huggingface.write_folder(tmp_path, GPT2)
    tensors["transformer.other"] = tensors.pop("transformer.h.1.ln_1.bias")
    tensors["transformer.wte.weight"] = np.zeros((12, 12), np.float32)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="does not fit the model") as error:
        bp.models.load_gpt2(tmp_path)
    for part in (
        "h.1.ln_1.bias is missing",
        "transformer.other is not in the model",
        "transformer.wte.weight is float32[12, 12], the model's is float32[11, 12]",
    ):
        assert part in str(error.value)
    tensors = huggingface.write_folder(tmp_path, BERT)
    save_file({name: t for name, t in tensors.items() if "relationship" not in name}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"neither cls\.seq_relationship\.weight, .* nor classifier\.weight"):
        bp.models.load_bert(tmp_path)


@pytest.mark.parametrize(
    ("case", "changed", "error"),
    [
        (GPT2, {"model_type": "bert"}, "of a model of type 'bert', not 'gpt2'"),
        (GPT2, {"activation_function": "relu"}, "activation_function 'relu', but only 'gelu_new' or"),
        (GPT2, {"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon 1e-06, but only 1e-05"),
        (GPT2, {"n_inner": 13}, "n_inner 13, but only None or 48"),
        (GPT2, {"tie_word_embeddings": False}, "tie_word_embeddings False"),
        (GPT2, {"n_layer": 2.0}, "a whole n_layer of 1 or more, not 2.0"),
        (GPT2, {"n_head": 5}, "12 features cannot be divided among 5 heads"),
        (BERT, {"hidden_act": "gelu_new"}, "hidden_act 'gelu_new', but only 'gelu' can"),
        (BERT, {"is_decoder": True}, "is_decoder True"),
        (BERT, {"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key'"),
        (BERT, {"vocab_size": 14}, r"word_embeddings.weight is float32\[13, 12\], the model's is float32\[14, 12\]"),
        (CLASSIFIER, {"id2label": None}, "config.json needs an object id2label with 1 entry or more, not None"),
        (CLASSIFIER, {"id2label": 3}, "config.json needs an object id2label .* not 3"),
        (CLASSIFIER, {"id2label": {}}, "config.json needs an object id2label .* not {}"),
        (CLASSIFIER, {"id2label": {"0": "a", "2": "b"}}, "id2label from the numbers 0, 1, ... to names, not"),
        (
            CLASSIFIER,
            {"id2label": {"0": "a"}},
            r"classifier.weight is float32\[3, 12\], the model's is float32\[1, 12\]",
        ),
    ],
)
def test_what_the_configuration_says_is_checked(
    case: oracle.Case, changed: dict[str, Any], error: str, tmp_path: Path
) -> None:
    huggingface.write_folder(tmp_path, case)
    (tmp_path / "config.json").write_text(json.dumps(case.config | changed))
    with pytest.raises(ValueError, match=error):
        (bp.models.load_gpt2 if case is GPT2 else bp.models.load_bert)(tmp_path)


def test_files_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no config\.json in .*: a model is a folder with"):
        bp.models.load_gpt2(tmp_path)
    for content, error in (b"{", "config.json is no JSON"), (b"[]", "needs a JSON object, not list"):
        (tmp_path / "config.json").write_bytes(content)
        with pytest.raises(ValueError, match=error):
            bp.models.load_gpt2(tmp_path)
    huggingface.write_folder(tmp_path, GPT2)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no parameter file at .*model\.safetensors"):
        bp.models.load_gpt2(tmp_path)


def test_the_vocabulary_goes_with_the_model(tmp_path: Path) -> None:
    vocabulary = BytePairVocabulary.from_text("a text, and a text", 258)
    for size, fits in (300, True), (200, False):
        model = bp.models.gpt(size, 8, 12, 1, 2)
        params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), _shapes(model))
        if fits:
            bp.models.save_gpt2(tmp_path / "fits", model, params, vocabulary)
            assert BytePairVocabulary.load(tmp_path / "fits" / "tokenizer.json") == vocabulary
        else:
            with pytest.raises(ValueError, match=r"the vocabulary has \d+ tokens, but the model knows only 200"):
                bp.models.save_gpt2(tmp_path / "none", model, params, vocabulary)
    assert not (tmp_path / "none").exists()


def test_the_names_of_classes_go_with_the_model(tmp_path: Path) -> None:
    huggingface.write_folder(tmp_path, CLASSIFIER)
    model, params = bp.models.load_bert(tmp_path)
    labels = bp.models.bert_labels(tmp_path)
    assert labels == ("a", "b", "c")
    bp.models.save_bert(tmp_path / "named", model, params, labels=labels)
    config = json.loads((tmp_path / "named" / "config.json").read_text())
    assert {name: config[name] for name in ("id2label", "label2id")} == {
        name: CLASSIFIER.config[name] for name in ("id2label", "label2id")
    }
    (tmp_path / "config.json").write_text(json.dumps(BERT.config))
    assert bp.models.bert_labels(tmp_path) == ("LABEL_0", "LABEL_1")
    for wrong in ("a", "b"), ("a", "b", "a"), "abc":
        with pytest.raises(ValueError, match="save_bert needs labels for 3 classes, different names, not"):
            bp.models.save_bert(tmp_path / "wrong", model, params, labels=wrong)
    assert not (tmp_path / "wrong").exists()


def test_other_models_are_not_saved(tmp_path: Path) -> None:
    other = bp.models.LanguageModel(bp.Embedding(5, 4), bp.Identity())
    with pytest.raises(ValueError, match=r"save_gpt2 writes models that models\.gpt makes, not LanguageModel"):
        bp.models.save_gpt2(tmp_path, other, {})
    with pytest.raises(ValueError, match=r"save_gpt2 writes .*, not None"):
        bp.models.save_gpt2(tmp_path, None, {})  # pyright: ignore[reportArgumentType]
    for model in bp.Dense(3), bp.models.bert(5, 8, 4, 1, 2), None:
        with pytest.raises(ValueError, match=r"save_bert writes what models\.bert_pretraining and"):
            bp.models.save_bert(tmp_path, model, {})  # pyright: ignore[reportArgumentType]
    assert not list(tmp_path.iterdir())


def test_other_parameters_are_not_saved(tmp_path: Path) -> None:
    model = bp.models.gpt(11, 8, 12, 1, 2)
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), _shapes(model))
    table = {"table": np.zeros((11, 13), np.float32)}
    for changed, error in (
        (params | {"embedding": table}, r"embedding/table of the parameters is \[11, 13\], the model's is \[11, 12\]"),
        (params | {"embedding": {}}, "the parameters have no embedding/table"),
        (params | {"other": np.zeros(3)}, "the model has no other"),
    ):
        with pytest.raises(ValueError, match=f"save_gpt2: {error}"):
            bp.models.save_gpt2(tmp_path / "new", model, changed)
    classifier = bp.models.bert_classifier(bp.models.bert(11, 8, 12, 1, 2))
    with pytest.raises(ValueError, match="save_bert: the parameters have no bert/"):
        bp.models.save_bert(tmp_path / "new", classifier, params)
    assert not (tmp_path / "new").exists()


def test_the_vocabulary_of_another_model_does_not_stay(tmp_path: Path) -> None:
    for name in "tokenizer.json", "vocab.json", "merges.txt", "vocab.txt":
        (tmp_path / name).write_text("{}")
    model = bp.models.gpt(11, 8, 12, 1, 2)
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), _shapes(model))
    bp.models.save_gpt2(tmp_path, model, params)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}


def test_a_last_matrix_or_bias_of_its_own_is_refused(tmp_path: Path) -> None:
    for case, load, copies in (
        (GPT2, bp.models.load_gpt2, {"lm_head.weight": "transformer.wte.weight"}),
        (
            BERT,
            bp.models.load_bert,
            {
                "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
                "cls.predictions.decoder.bias": "cls.predictions.bias",
            },
        ),
    ):
        folder = tmp_path / case.name
        tensors = huggingface.write_folder(folder, case)
        same = {copy: tensors[name] for copy, name in copies.items()}
        save_file(tensors | same, folder / "model.safetensors")
        load(folder)
        for copy, name in copies.items():
            save_file(tensors | same | {copy: tensors[name] + 1}, folder / "model.safetensors")
            with pytest.raises(ValueError, match=f"has a {copy} of its own: only a model where it is {name} can"):
                load(folder)


def _shapes(model: Any) -> Any:
    return jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 1), np.int32))[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [None, 0, 1])
@pytest.mark.parametrize("name", [case.name for case in oracle.CASES])
def test_folders_go_to_transformers_and_back(name: str, seed: int | None, tmp_path: Path) -> None:
    """And every element of the logits and of every gradient is the same, in configurations drawn at random too."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    stored = {case.name: case for case in oracle.CASES}[name]
    case = stored if seed is None else oracle.random_case(name, seed)
    twin = oracle.twin(case)
    twin.save_pretrained(tmp_path / "theirs")
    given = huggingface.read(tmp_path / "theirs", case, recompute={None: "norms", 0: "none", 1: "block"}[seed])
    loss, gradients = huggingface.gradients(given, tmp_path / "gradients")
    logits, expected = oracle.outputs(case, twin)
    assert abs(loss - expected.item()) < 1e-4
    for name, theirs in oracle.gradients(case, twin).items():
        np.testing.assert_allclose(gradients[name], theirs, atol=1e-4, err_msg=name)
    for ours, theirs in zip(huggingface.logits(given), logits, strict=True):
        # Of words there is none where a text has ended.
        real = (
            np.arange(ours.shape[1]) < oracle.LENGTHS[:, None] if ours.ndim == 3 and case is not GPT2 else slice(None)
        )
        np.testing.assert_allclose(ours[real], theirs.detach().numpy()[real], atol=1e-4)
    huggingface.save(tmp_path / "ours", given, given.params)
    loaded = getattr(transformers, case.name).from_pretrained(tmp_path / "ours", attn_implementation="eager")
    with torch.no_grad():
        again, _ = oracle.outputs(case, loaded)
    for left, right in zip(again, logits, strict=True):
        np.testing.assert_allclose(left.numpy(), right.detach().numpy(), atol=1e-6)
    assert (
        load_file(tmp_path / "ours/model.safetensors").keys() == load_file(tmp_path / "theirs/model.safetensors").keys()
    )
    if seed == 0:
        losses = huggingface.losses_of_training(given)
        np.testing.assert_allclose(losses, oracle.losses_of_training(case, twin), atol=1e-4)
