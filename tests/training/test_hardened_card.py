"""Cards of hardened networks: those that transformers saved are written as they were, with other weights."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.weights import tensors_hash
from lsap_cli.training.hardened_card import hardened_card
from tests.hf_folders import FRAMES, LABELS, PROCESSORS, SIZE, imported, save_hf_folder

pytest.importorskip("transformers")


def changed(classifier: Classifier) -> Classifier:
    """The same with other weights."""
    with torch.no_grad():
        for one in classifier.network.parameters():
            one.mul_(1.25)
    return classifier


@pytest.mark.parametrize("kind", PROCESSORS)
def test_a_folder_of_transformers_becomes_one_with_other_weights_and_a_card(kind: str, tmp_path: Path) -> None:
    spec, out = f"hf:{save_hf_folder(tmp_path / 'before', kind)}", tmp_path / "after"
    out.mkdir()
    classifier = load_classifier(spec)
    card = hardened_card(spec, classifier, out)
    assert [*out.iterdir()] == []  # the trial leaves nothing
    written = card.write(out, changed(classifier))
    clips = torch.rand(2, FRAMES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    for loaded in (load_card(written), load_classifier(str(out)), load_classifier(f"hf:{out}")):
        assert tensors_hash(loaded.network.state_dict()) == tensors_hash(classifier.network.state_dict())
        assert (loaded.expects, [*loaded.labels]) == (classifier.expects, LABELS)
        assert torch.equal(loaded.score(clips), classifier.score(clips))
    assert load_card(written).name == "before-hardened"
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json", "labels.txt", "model.safetensors", "model.toml", "preprocessor_config.json",
    ]  # fmt: skip
    moved = out.rename(tmp_path / "elsewhere")
    assert torch.equal(load_classifier(str(moved)).score(clips), classifier.score(clips))


def test_a_card_of_transformers_files_keeps_its_labels_and_its_sampling(tmp_path: Path) -> None:
    save_hf_folder(tmp_path / "files", "videomae")
    (tmp_path / "model.toml").write_text(
        'name = "own"\nformat = "hf:files"\nlabels = ["a", "b", "c"]\n[sampling]\nsampler = "dense:stride=2"\n'
    )
    classifier = load_classifier(str(tmp_path / "model.toml"))
    (tmp_path / "out").mkdir()
    card = hardened_card(str(tmp_path / "model.toml"), classifier, tmp_path / "out")
    loaded = load_card(card.write(tmp_path / "out", changed(classifier)))
    assert (loaded.name, [*loaded.labels]) == ("own-hardened", ["a", "b", "c"])
    assert loaded.sampler_spec == "dense:stride=2"


def test_weights_of_half_precision_and_in_several_files_are_written_in_one_of_float32(tmp_path: Path) -> None:
    folder = save_hf_folder(tmp_path / "before", "videomae")
    model = imported("transformers").AutoModelForVideoClassification.from_pretrained(folder, dtype=torch.float16)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len([*folder.glob("*.safetensors")]) > 1
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
    classifier, out = load_classifier(f"hf:{folder}"), tmp_path / "after"
    out.mkdir()
    hardened_card(f"hf:{folder}", classifier, out).write(out, changed(classifier))
    assert [path.name for path in out.glob("*.safetensors*")] == ["model.safetensors"]
    read = imported("transformers").AutoModelForVideoClassification.from_pretrained(out)
    assert {one.dtype for one in read.parameters()} == {torch.float32}
    own = {f"model.{name}": value for name, value in read.state_dict().items()}
    assert tensors_hash(own) == tensors_hash(classifier.network.state_dict())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("name", ["labels.txt", "model.safetensors", "config.json", "model.toml"])
def test_a_full_disk_is_told_of_the_file_and_leaves_no_card(name: str, tmp_path: Path) -> None:
    spec, out = f"hf:{save_hf_folder(tmp_path / 'before', 'videomae')}", tmp_path / "after"
    out.mkdir()
    classifier = load_classifier(spec)
    card = hardened_card(spec, classifier, out)
    card.write(out, classifier)
    (out / f".{name}.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised:
        card.write(out, classifier)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(out / name))
    assert not (out / "model.toml").exists()
