"""ResNets go to torchvision's files and back; PyTorch's own numbers from the same files are the measure."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import backprop_jax as bp
from backprop_jax.models import load_torchvision, resnet18, save_torchvision
from backprop_jax.models.residual_blocks import basic_branch, bottleneck_branch
from backprop_jax.models.resnets import resnet
from tests.oracles import torch_resnets

IMAGE = jax.ShapeDtypeStruct((2, 32, 32, 3), np.float32)
LIKE = jax.eval_shape(resnet18(classes=10).init, jax.random.key(0), IMAGE)


def _resnet18_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's resnet18, from table 1 of the paper."""
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (10, 512), "fc.bias": (10,)}

    def conv(name: str, features: int, channels: int, size: int) -> None:
        shapes[f"{name}.weight"] = (features, channels, size, size)

    def norm(name: str, features: int) -> None:
        vectors = ("weight", "bias", "running_mean", "running_var")
        shapes.update({f"{name}.{vector}": (features,) for vector in vectors} | {f"{name}.num_batches_tracked": ()})

    conv("conv1", 64, 3, 7)
    norm("bn1", 64)
    for layer, width in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            before = width // 2 if layer > 1 and block == 0 else width
            conv(f"layer{layer}.{block}.conv1", width, before, 3)
            conv(f"layer{layer}.{block}.conv2", width, width, 3)
            norm(f"layer{layer}.{block}.bn1", width)
            norm(f"layer{layer}.{block}.bn2", width)
            if before != width:
                conv(f"layer{layer}.{block}.downsample.0", width, before, 1)
                norm(f"layer{layer}.{block}.downsample.1", width)
    return shapes


@pytest.fixture(scope="module")
def filled() -> tuple:
    """Parameters and state of a resnet18, no two numbers of a leaf alike."""
    numbers = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(numbers.normal(size=leaf.shape).astype(leaf.dtype)), LIKE)


@pytest.fixture(scope="module")
def path(filled: tuple, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("resnet") / "resnet18.safetensors"
    save_torchvision(path, *filled)
    return path


def test_names_and_shapes_are_those_of_torchvision(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        assert file.get_tensor("bn1.num_batches_tracked").dtype == np.int64
    assert {name: tensor.shape for name, tensor in load_file(path).items()} == _resnet18_shapes()


def test_each_number_is_where_torch_looks_for_it(path: Path, filled: tuple) -> None:
    params, state = filled
    block = params["layer2"][0]["skip"]
    with safe_open(path, framework="numpy") as file:
        weight = file.get_tensor("layer2.0.conv1.weight")
        assert weight[5, 3, 2, 0] == block["branch"]["conv1"]["w"][2, 0, 3, 5]
        assert file.get_tensor("layer2.0.downsample.0.weight")[7, 1, 0, 0] == block["shortcut"][0]["w"][0, 0, 1, 7]
        assert file.get_tensor("fc.weight")[9, 4] == params["fc"]["w"][4, 9]
        norm = params["bn1"] | state["bn1"]
        names = {"scale": "weight", "shift": "bias", "mean": "running_mean", "var": "running_var"}
        for ours, theirs in names.items():
            np.testing.assert_array_equal(file.get_tensor(f"bn1.{theirs}"), norm[ours])


def test_what_is_saved_comes_back_bit_for_bit(path: Path, filled: tuple) -> None:
    loaded = load_torchvision(path, *LIKE)
    assert jax.tree.structure(loaded) == jax.tree.structure(filled)
    jax.tree.map(np.testing.assert_array_equal, loaded, filled)


def test_files_without_counts_of_batches_are_read(path: Path, tmp_path: Path, filled: tuple) -> None:
    tensors = {name: tensor for name, tensor in load_file(path).items() if not name.endswith("num_batches_tracked")}
    save_file(tensors, tmp_path / "file")
    np.testing.assert_array_equal(load_torchvision(tmp_path / "file", *LIKE)[0]["fc"]["w"], filled[0]["fc"]["w"])


def test_what_does_not_fit_is_named_in_one_error(path: Path, tmp_path: Path) -> None:
    tensors = load_file(path)
    tensors["layer5.bn.num_batches_tracked"] = tensors.pop("bn1.running_var")
    tensors["fc.weight"] = np.zeros((1000, 512), np.float32)
    save_file(tensors, tmp_path / "file")
    with pytest.raises(ValueError, match="does not fit the model") as error:
        load_torchvision(tmp_path / "file", *LIKE)
    assert "bn1.running_var is missing" in str(error.value)
    assert "layer5.bn.num_batches_tracked is not in the model" in str(error.value)
    assert "fc.weight is float32[1000, 512], the model's is float32[10, 512]" in str(error.value)


def test_a_file_of_another_depth_is_refused(path: Path) -> None:
    like = jax.eval_shape(resnet((1,), basic_branch, 10, False).init, jax.random.key(0), IMAGE)
    with pytest.raises(ValueError, match=r"layer1\.1\.bn1\.bias is not in the model; .* and \d+ more$"):
        load_torchvision(path, *like)


def test_a_truncated_file_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "half").write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(ValueError, match="half is truncated or not a safetensors file"):
        load_torchvision(tmp_path / "half", *LIKE)
    with pytest.raises(FileNotFoundError, match=r"there is no parameter file at .*none"):
        load_torchvision(tmp_path / "none", *LIKE)


def test_another_model_has_no_such_file(tmp_path: Path) -> None:
    state = {"key": jax.random.key(0)}
    with pytest.raises(ValueError, match="dropout/key is no parameter or statistic of a ResNet"):
        save_torchvision(tmp_path / "file", {}, {"dropout": state})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", torch_resnets.GIVEN, ids=["basic", "bottleneck"])
def test_logits_are_those_that_torch_gave(given: torch_resnets.Given, tmp_path: Path) -> None:
    """In networks of two blocks, of which the second halves the image; their file is made without PyTorch."""
    branch = bottleneck_branch if given.bottleneck else basic_branch
    model, x = resnet(given.blocks, branch, torch_resnets.CLASSES, False), torch_resnets.image()
    like = jax.eval_shape(model.init, jax.random.key(0), x)
    save_torchvision(tmp_path / "shapes", *jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like))
    shapes = {name: tensor.shape for name, tensor in load_file(tmp_path / "shapes").items()}
    save_file(torch_resnets.tensors(shapes), tmp_path / "file")
    loaded = load_torchvision(tmp_path / "file", *like)
    with jax.enable_x64(True):
        params, state, x = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (*loaded, x))
        logits, _, _ = jax.jit(bp.eval_mode(model).forward)(params, state, x)
    np.testing.assert_allclose(logits, given.logits, rtol=1e-7, atol=1e-7)


def _twin(name: str, path: Path) -> tuple[Any, bp.Layer]:
    """PyTorch's model on random parameters, saved to `path`, and ours."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from tests.models import torch_resnet

    torch.manual_seed(0)
    twin = torch_resnet.resnet(*{"resnet18": (False, (2, 2, 2, 2)), "resnet50": (True, (3, 4, 6, 3))}[name], classes=10)
    save_file(twin.state_dict(), path)
    return twin, getattr(bp.models, name)(classes=10)


@pytest.mark.parametrize("name", ["resnet18", pytest.param("resnet50", marks=pytest.mark.slow)])
def test_logits_are_those_of_torch(name: str, tmp_path: Path) -> None:
    twin, model = _twin(name, tmp_path / "file")
    import torch

    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    params, state = load_torchvision(tmp_path / "file", *jax.eval_shape(model.init, jax.random.key(0), x))
    forward = jax.jit(lambda *args: bp.eval_mode(model).forward(*args)[0])
    with torch.no_grad():
        expected = twin.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    assert 0.1 < np.std(expected) < 10  # else the tolerance would mean nothing
    np.testing.assert_allclose(forward(params, state, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_gradients_in_training_are_those_of_torch(tmp_path: Path) -> None:
    twin, model = _twin("resnet18", tmp_path / "file")
    import torch

    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(4, 64, 64, 3)).astype(np.float32), np.array([3, 0, 9, 3])
    params, state = load_torchvision(tmp_path / "file", *jax.eval_shape(model.init, jax.random.key(0), x))
    with jax.enable_x64(True):
        params, state, x = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (params, state, x))
        objective = bp.supervised(model, bp.losses.CrossEntropy())
        step = jax.jit(bp.value_and_grad(objective))
        (loss, new_state), dparams = step(params, state, (x, y))
        # The gradients lie in a file as the parameters do, and so have torch's names and layouts.
        save_torchvision(tmp_path / "gradients", dparams, new_state)
    expected = torch.nn.functional.cross_entropy(
        twin.double()(torch.from_numpy(x.transpose(0, 3, 1, 2))), torch.from_numpy(y)
    )
    expected.backward()
    assert abs(float(loss) - expected.item()) < 1e-9
    ours = load_file(tmp_path / "gradients")
    for name, parameter in twin.named_parameters():
        np.testing.assert_allclose(ours[name], parameter.grad.numpy(), rtol=1e-7, atol=1e-9, err_msg=name)
    for name, statistic in twin.named_buffers():
        if "num_batches" not in name:
            np.testing.assert_allclose(ours[name], statistic.numpy(), rtol=1e-9, err_msg=name)
