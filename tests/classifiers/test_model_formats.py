import pickle
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.classifiers.model_formats.batches import believed_batch
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.testing import check_classifier
from lsap_cli.errors import LsapError
from lsap_cli.known_models import MODEL_FORMATS
from tests.classifiers.networks import (
    CARD,
    FRAMES,
    SIZE,
    clips,
    save_onnx,
    save_pt2,
    save_torchscript,
    small_network,
    with_card,
)

SAVED: dict[str, Callable[[Path], Path]] = {
    "fixed.pt2": save_pt2,
    "dynamic.pt2": lambda path: save_pt2(path, dynamic=True),
    "training.pt2": lambda path: save_pt2(path, training=True),
    "network.ts": save_torchscript,
    "network.pt": save_torchscript,
    "network.onnx": save_onnx,
    "single.onnx": lambda path: save_onnx(path, batch=1),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("formats")
    return {
        name: with_card(save(root / f"{name.replace('.', '_')}{Path(name).suffix}")) for name, save in SAVED.items()
    }


def eager() -> Classifier:
    expects = InputFormat("BCTHW", FRAMES, (SIZE, SIZE), mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
    return Classifier(small_network(), "eager", ["a", "b", "c"], expects)


def scores_and_gradient(classifier: Classifier, pixels: Tensor) -> tuple[Tensor, Tensor]:
    leaf = pixels.clone().requires_grad_()
    scores = classifier(leaf)
    (gradient,) = torch.autograd.grad(scores[:, 0].sum(), leaf)
    return scores.detach(), gradient


def test_every_format_of_files_is_tried() -> None:
    suffixes = {suffix for one in MODEL_FORMATS.values() for suffix in one.suffixes}
    assert {Path(name).suffix for name in SAVED} == suffixes


@pytest.mark.parametrize("name", SAVED)
def test_a_file_with_a_card_beside_it_gives_scores_for_any_number_of_clips(saved: dict[str, Path], name: str) -> None:
    classifier = load_classifier(str(saved[name]))
    with torch.no_grad():
        five = classifier(clips(5))
        alone = torch.cat([classifier(one[None]) for one in clips(5)])
    assert five.shape == (5, 3)
    torch.testing.assert_close(five, alone, rtol=1e-4, atol=1e-5)
    assert len(classifier.source["weights_sha256"]) == 64


@pytest.mark.parametrize("name", [name for name in SAVED if not name.endswith("onnx")])
def test_scores_and_gradients_are_those_of_the_eager_network(saved: dict[str, Path], name: str) -> None:
    classifier = load_classifier(str(saved[name]))
    check_classifier(classifier)
    for count in (1, 2, 3):
        theirs, gradient = scores_and_gradient(classifier, clips(count))
        ours, own_gradient = scores_and_gradient(eager(), clips(count))
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradient, own_gradient, rtol=1e-5, atol=1e-6)


def test_what_is_special_about_a_file_is_said(saved: dict[str, Path]) -> None:
    expected = {
        "fixed.pt2": "takes 2 clips at a time",
        "dynamic.pt2": "holds the example clip that it was exported with",
        "training.pt2": "was exported in training mode: batch_norm, dropout switched to evaluation",
        "network.ts": "TorchScript is deprecated by torch",
        "network.onnx": "scores and no gradients",
        "single.onnx": "takes 1 clip at a time",
    }
    for name, words in expected.items():
        assert words in "; ".join(load_classifier(str(saved[name])).notes)


def test_a_card_can_name_its_file_by_the_format(saved: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(saved["fixed.pt2"], tmp_path / "net.pt2")
    texts = ['format = "pt2:net.pt2"', 'format = "net.pt2"', 'format = "pt2"\nweights = "net.pt2"']
    expected = load_classifier(str(saved["fixed.pt2"]))(clips(1))
    for text in texts:
        (tmp_path / "model.toml").write_text(f"{text}\n{CARD}")
        assert torch.equal(load_classifier(str(tmp_path))(clips(1)), expected)


def test_a_file_without_a_card_is_said_to_need_one(saved: dict[str, Path], tmp_path: Path) -> None:
    for name in ("fixed.pt2", "network.ts", "network.onnx"):
        path = Path(shutil.copy(saved[name], tmp_path / Path(name).name))
        with pytest.raises(LsapError, match=r"needs a model card: .*\.toml beside it, with labels and \[input\]"):
            load_classifier(str(path))


@pytest.mark.parametrize("name", ["fixed.pt2", "network.onnx"])
def test_a_card_of_another_shape_is_refused_with_both_shapes(saved: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(saved[name], tmp_path / f"net{Path(name).suffix}"))
    with_card(path, CARD.replace("frames = 3", "frames = 4"))
    with pytest.raises(LsapError, match=r"3, 4, 8, 8\)"):
        load_classifier(str(path))


@pytest.mark.parametrize("suffix", [".pt2", ".ts", ".pt", ".onnx"])
def test_a_file_that_is_something_else_is_named(tmp_path: Path, suffix: str) -> None:
    path = with_card(tmp_path / f"net{suffix}")
    path.write_bytes(b"hello")
    with pytest.raises(LsapError, match=f"net{suffix}"):
        load_classifier(str(path))


def rewritten(
    source: Path, to: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None
) -> Path:
    """A copy of an archive with members changed or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(to, "w") as new:
        root = old.namelist()[0].split("/")[0]
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in (more or {}).items():
            new.writestr(f"{root}/{name}", content)
    return with_card(to)


def in_graph(old: str, new: str) -> Callable[[str, bytes], bytes]:
    return lambda name, content: content.replace(old.encode(), new.encode()) if name.endswith("model.json") else content


def test_an_exported_program_with_members_that_could_run_code_is_refused(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    other = pickle.dumps(Path("harmless"))  # any pickle that holds more than tensors
    source = saved["dynamic.pt2"]
    graph = next(name for name in zipfile.ZipFile(source).namelist() if name.endswith("model.json"))
    found = re.search(r"Symbol\('s\d+'[^\"]*", zipfile.ZipFile(source).read(graph).decode())
    assert found
    target, size = "torch.ops.aten.relu.default", found.group()
    cases = {
        "sample_inputs/model.pt is a pickle": rewritten(
            source, tmp_path / "a.pt2", lambda name, content: other if "sample_inputs" in name else content
        ),
        "declares weight_0 to be a pickle": rewritten(
            source,
            tmp_path / "b.pt2",
            lambda name, content: (
                content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
                if name.endswith("weights_config.json")
                else content
            ),
        ),
        "its graph calls torch.relu": rewritten(source, tmp_path / "c.pt2", in_graph(target, "torch.relu")),
        "its graph has the size": rewritten(source, tmp_path / "d.pt2", in_graph(size, "Unknown(2)")),
        "opaque_0 is no part": rewritten(
            source, tmp_path / "e.pt2", lambda _name, content: content, {"data/constants/opaque_0": other}
        ),
    }
    for words, path in cases.items():
        with pytest.raises(LsapError, match="is refused") as caught:
            load_classifier(str(path))
        assert words in str(caught.value)


def test_an_unchanged_copy_of_a_program_is_loaded(saved: dict[str, Path], tmp_path: Path) -> None:
    copy = rewritten(saved["fixed.pt2"], tmp_path / "copy.pt2", lambda _name, content: content)
    assert load_classifier(str(copy))(clips(1)).shape == (1, 3)


def test_a_dynamic_batch_that_mixes_clips_is_not_believed() -> None:
    def mixing(batch: Tensor) -> Tensor:
        return batch.mean(0, keepdim=True).expand(len(batch), -1)

    def only_two(batch: Tensor) -> Tensor:
        if len(batch) != 2:
            raise RuntimeError("two")
        return batch

    assert believed_batch(lambda batch: batch, (4,), "it") is None
    assert believed_batch(mixing, (4,), "it") == 1
    assert believed_batch(only_two, (4,), "it") == 2
    with pytest.raises(LsapError, match="takes neither 1 nor 2 clips"):
        believed_batch(lambda batch: batch[:0], (4,), "it")


def test_a_script_without_gradients_gives_scores_only(tmp_path: Path) -> None:
    def cut(_script: Any) -> Any:
        network = small_network().requires_grad_(False)
        return torch.jit.trace(lambda batch: network(batch).detach(), torch.rand(2, 3, FRAMES, SIZE, SIZE))

    classifier = load_classifier(str(with_card(save_torchscript(tmp_path / "net.ts", cut))))
    assert classifier(clips(2)).shape == (2, 3)
    assert not classifier.gives_gradients
    assert "no gradients" in "; ".join(classifier.notes)


def test_weights_that_are_another_format_are_said_to_be_it(saved: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "factory.py").write_text("from torch import nn\ndef build():\n    return nn.Linear(2, 2)\n")
    for name, words in (("fixed.pt2", 'format = "pt2"'), ("network.ts", 'format = "torchscript"')):
        shutil.copy(saved[name], tmp_path / "weights.bin")
        (tmp_path / "model.toml").write_text(f'factory = "factory.py:build"\nweights = "weights.bin"\n{CARD}')
        with pytest.raises(LsapError, match=r"weights\.bin cannot be opened") as caught:
            load_card(tmp_path / "model.toml")
        assert words in str(caught.value)


def test_a_card_that_names_two_origins_or_an_unknown_format_is_refused(tmp_path: Path) -> None:
    for text, words in (
        ('format = "pt2:a.pt2"\nfactory = "a.py:b"', "factory and format say twice"),
        ('format = "keras:a"', "it must be torchvision, hf, pt2"),
        ('format = "pt2"', "does not say of what"),
        ('format = "pt2:gone.pt2"', "gone.pt2 is not a file"),
    ):
        (tmp_path / "model.toml").write_text(f"{text}\n{CARD}")
        with pytest.raises(LsapError) as caught:
            load_card(tmp_path / "model.toml")
        assert words in str(caught.value)


def test_work_that_follows_gradients_is_refused_where_there_are_none(saved: dict[str, Path]) -> None:
    with pytest.raises(LsapError, match=r"--attack lsap follows gradients, and the model .* use another"):
        load_classifier(str(saved["network.onnx"])).require_gradients("--attack lsap", "use another")
    load_classifier(str(saved["fixed.pt2"])).require_gradients("--attack lsap", "use another")


def test_the_scores_of_a_black_box_take_the_place_of_features(saved: dict[str, Path]) -> None:
    network = InstrumentedClassifier(load_classifier(str(saved["network.onnx"])))
    output = network.outputs(clips(2), "features")
    assert output.features is not None
    assert torch.equal(output.features[:, 0], output.logits)
