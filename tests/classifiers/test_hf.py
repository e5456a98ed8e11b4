import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from lsap_cli.classifiers.card_text import card_text
from lsap_cli.classifiers.model_formats.hf import HuggingFaceNetwork
from lsap_cli.classifiers.model_formats.hf_processor import find_processor, largest_difference, processed, read_input
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.testing import check_classifier
from lsap_cli.errors import LsapError
from tests.hf_folders import FRAMES, LABELS, PROCESSORS, SIZE, configuration, imported, save_hf_folder
from tests.tiny import make_bytes

KINDS = tuple(PROCESSORS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("hf")
    return {kind: save_hf_folder(root / kind, kind) for kind in KINDS}


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A VideoMAE folder that a test can spoil."""
    return Path(shutil.copytree(folders["videomae"], tmp_path / "mine"))


def edit(folder: Path, file: str = "config.json", **changes: Any) -> None:
    """Changes keys of a JSON file; None removes one."""
    path = folder / file
    data = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def refusal(folder: Path) -> str:
    with pytest.raises(LsapError) as caught:
        load_classifier(f"hf:{folder}")
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_gives_a_classifier_that_keeps_the_contract(folders: dict[str, Path], kind: str) -> None:
    classifier = load_classifier(f"hf:{folders[kind]}")
    check_classifier(classifier, len(LABELS))
    assert (classifier.labels, classifier.frames, classifier.geometry.size) == (LABELS, FRAMES, (SIZE, SIZE))
    assert next(classifier.parameters()).dtype == torch.float32
    assert len(classifier.source["weights_sha256"]) == len(classifier.source["config_sha256"]) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_folders_own_processor_and_network(folders: dict[str, Path], kind: str) -> None:
    auto = imported("transformers").AutoModelForVideoClassification
    where = f"hf:{folders[kind]}"
    frames = make_bytes(FRAMES, 41, 57)
    made = find_processor(folders[kind], kind, where).make(where)
    pixels = processed(made, frames.permute(0, 2, 3, 1).contiguous().numpy())
    with torch.no_grad():
        theirs = auto.from_pretrained(folders[kind])(pixels[None]).logits.view(1, -1)
        classifier = load_classifier(where)
        geometry = classifier.geometry
        ours = classifier.score(geometry.crop(geometry.shrink(frames))[None].float() / 255)
    torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)  # a level of some pixels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(240, 320), (342, 256), (263, 301)], ids=str)
def test_pixels_at_published_sizes_are_within_a_level_of_the_folders_own_processor(
    tmp_path: Path, kind: str, size: tuple[int, int]
) -> None:
    published = {key: one for key, one in PROCESSORS[kind].items() if key not in ("size", "crop_size")}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(published))
    processor = find_processor(tmp_path, kind, "the folder")
    expects = read_input(processor, FRAMES, "the folder")
    assert largest_difference(processor.make("the folder"), expects, [make_bytes(2, *size)]) <= 1.001


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_that_is_written_from_a_folder_gives_the_same_scores(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    own = load_classifier(f"hf:{folders[kind]}")
    (tmp_path / "model.toml").write_text(card_text(f"hf:{folders[kind]}", own))
    clips = make_bytes(2 * FRAMES, 41, 57).unflatten(0, (2, FRAMES)) / 255
    card = load_classifier(str(tmp_path))
    assert torch.equal(card(clips), own(clips))
    assert card.labels == own.labels


def test_the_named_class_decides_on_the_range_of_vivits_input(tmp_path: Path) -> None:
    ranges = []
    for name in ("VivitImageProcessor", "VivitVideoProcessor"):
        settings = {"image_processor_type": name, "offset": False, "rescale_factor": 1 / 127.5}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
        expects = read_input(find_processor(tmp_path, "vivit", "it"), FRAMES, "it")
        black = -np.array(expects.mean) / np.array(expects.std)
        ranges.append((float(black[0]), float(black[0] + 1 / expects.std[0])))
    assert ranges == [pytest.approx((-1, 3), abs=1e-4), pytest.approx((-3, 1), abs=1e-4)]


def test_a_video_processors_file_is_followed_before_an_image_processors(folder: Path) -> None:
    settings = {"video_processor_type": "VideoMAEVideoProcessor", "image_mean": [0.25] * 3, **PROCESSORS["videomae"]}
    (folder / "video_preprocessor_config.json").write_text(json.dumps(settings))
    classifier = load_classifier(f"hf:{folder}")
    assert classifier.expects.mean == (0.25, 0.25, 0.25)
    assert "VideoMAEVideoProcessor, as video_preprocessor_config.json names it" in classifier.notes[0]


@pytest.mark.parametrize("kind", ["videomae", "timesformer", "vivit", "vjepa2"])
def test_a_folder_that_names_no_class_is_read_by_that_of_its_network(folders: dict[str, Path], kind: str) -> None:
    folder = folders[kind]
    settings = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, **PROCESSORS[kind]}
    unnamed = {key: value for key, value in settings.items() if not key.endswith("_type")}
    other = folder.parent / f"{kind}_without_class"
    shutil.copytree(folder, other)
    (other / "preprocessor_config.json").write_text(json.dumps(unnamed))
    classifier = load_classifier(f"hf:{other}")
    assert f"the default of {kind}" in classifier.notes[0]
    assert "VideoProcessor" in classifier.notes[0]


def test_a_network_that_gives_a_row_a_frame_is_averaged_over_them(tmp_path: Path) -> None:
    folder = save_hf_folder(tmp_path / "mine", "timesformer", attention_type="space_only")
    classifier = load_classifier(f"hf:{folder}")
    assert any("space_only" in note and "mean" in note for note in classifier.notes)
    clips = torch.rand(2, FRAMES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    model = imported("transformers").AutoModelForVideoClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        rows = torch.stack([model(clip[None]).logits.mean(0) for clip in clips])
        torch.testing.assert_close(HuggingFaceNetwork(model, row_a_frame=True)(clips), rows)
    (tmp_path / "model.toml").write_text(card_text(f"hf:{folder}", classifier))
    assert torch.equal(load_classifier(str(tmp_path))(clips), classifier(clips))


def without(name: str) -> Callable[[Path], None]:
    """Removes a tensor from a folder's weights."""

    def change(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        save_file(
            {key: one for key, one in state.items() if key != name}, folder / "model.safetensors", {"format": "pt"}
        )

    return change


def with_tensor(name: str, tensor: torch.Tensor) -> Callable[[Path], None]:
    """Adds a tensor to a folder's weights, or takes the place of one."""

    def change(folder: Path) -> None:
        state = load_file(folder / "model.safetensors") | {name: tensor}
        save_file(state, folder / "model.safetensors", {"format": "pt"})

    return change


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            without("classifier.weight"),
            "do not fit the network VideoMAEForVideoClassification: it lacks classifier.weight",
        ),
        (with_tensor("other.weight", torch.zeros(2)), "the network has no other.weight"),
        (
            with_tensor("classifier.weight", torch.zeros(5, 16)),
            "another shape has classifier.weight ((5, 16), not (3, 16))",
        ),
        (pickled, "has only pytorch_model.bin, and pickles can run code; model.safetensors is needed"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"hello"), "its weights are damaged or cut"),
        (lambda folder: edit(folder, num_frames=0), "num_frames in config.json is '0'; it must be a whole number from"),
        (lambda folder: edit(folder, num_frames="8"), "num_frames in config.json is '8'"),
        (lambda folder: edit(folder, model_type="vit", id2label=None, label2id=None), "'vit' is no video classifier"),
        (
            lambda folder: edit(folder, "preprocessor_config.json", crop_size={"height": 0, "width": 0}),
            "the settings in preprocessor_config.json cannot be followed by VideoMAEImageProcessor",
        ),
        (
            lambda folder: edit(folder, "preprocessor_config.json", image_std=[0, 0, 0]),
            "cannot be followed by VideoMAE",
        ),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "has no preprocessor_config.json or video_"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is not JSON"),
        (lambda folder: (folder / "config.json").write_text("{}"), "config.json has no model_type"),
        (lambda folder: edit(folder, id2label={"1": "a", "2": "b", "3": "c"}), "with the keys 1, 2, 3"),
        (lambda folder: edit(folder, id2label={"0": "a", "1": "a", "2": "c"}), "the label 'a' more than once"),
        (lambda folder: edit(folder, num_labels=4), "num_labels 4 and 3 names"),
        (lambda folder: edit(folder, label2id={"walk": 2}), "label2id in config.json that contradicts"),
        (lambda folder: edit(folder, id2label=None, label2id=None), "has no id2label in config.json"),
        (lambda folder: edit(folder, model_type="mine", auto_map={"AutoConfig": "a.B"}), "which lsap does not run"),
        (
            lambda folder: edit(folder, architectures=["VideoMAEForPreTraining"], id2label=None, label2id=None),
            "its architecture VideoMAEForPreTraining in config.json gives no scores of classes",
        ),
        (lambda folder: edit(folder, model_type="bert"), "'bert' is no video classifier of transformers"),
        (lambda folder: edit(folder, "preprocessor_config.json", crop_size=48), "it crops more than it resizes to"),
        (
            lambda folder: edit(folder, "preprocessor_config.json", crop_size=24),
            "24 x 24 would reach a network that is",
        ),
        (lambda folder: edit(folder, "preprocessor_config.json", do_center_crop=False), "in different sizes"),
        (lambda folder: edit(folder, "preprocessor_config.json", resample=1), "resample is 1"),
        (
            lambda folder: edit(folder, "preprocessor_config.json", image_processor_type="MyProcessor"),
            "image_processor_type in preprocessor_config.json is 'MyProcessor', which transformers",
        ),
        (
            lambda folder: edit(folder, "preprocessor_config.json", image_processor_type=None),
            "has no image_mean and no image_std and names no class",
        ),
        (
            lambda folder: (folder / "preprocessor_config.json").write_text("[]"),
            "preprocessor_config.json holds an array, and not an object with settings",
        ),
        (
            lambda folder: (folder / "processor_config.json").write_text('{"video_processor": [1]}'),
            "video_processor in processor_config.json is an array, and not an object",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(folder: Path, spoil: Callable[[Path], Any], sentence: str) -> None:
    spoil(folder)
    assert sentence in refusal(folder)


def test_a_card_with_another_number_of_frames_than_the_configuration_is_refused(folder: Path) -> None:
    card = card_text(f"hf:{folder}", load_classifier(f"hf:{folder}"))
    (folder / "model.toml").write_text(card.replace(f"frames = {FRAMES}", "frames = 3"))
    with pytest.raises(LsapError, match=f"the card has 3 frames, and the network's configuration {FRAMES}"):
        load_classifier(str(folder / "model.toml"))


def test_a_folder_without_names_takes_those_of_a_card(folder: Path) -> None:
    edit(folder, id2label=None, label2id=None, num_labels=3)
    (folder / "model.toml").write_text('format = "hf:."\nlabels = ["a", "b", "c"]\n')
    assert load_classifier(str(folder)).labels == ["a", "b", "c"]


def test_a_repository_that_is_not_in_the_cache_is_said_with_the_flag_that_fetches_it() -> None:
    with pytest.raises(LsapError, match="lsap models show hf:nobody/nothing --download"):
        load_classifier("hf:nobody/nothing")


def test_a_folder_without_a_card_is_said_to_be_one_of_transformers(folder: Path) -> None:
    with pytest.raises(LsapError, match=f"did you mean hf:{folder}"):
        load_classifier(str(folder))


def test_a_network_with_one_output_is_two_classes_by_a_card(tmp_path: Path) -> None:
    transformers = imported("transformers")
    config = configuration("videomae")
    config.num_labels = 1
    transformers.VideoMAEForVideoClassification(config).save_pretrained(tmp_path / "mine")
    (tmp_path / "mine" / "preprocessor_config.json").write_text(json.dumps(PROCESSORS["videomae"]))
    assert "has one output: write a model card with this format, two labels" in refusal(tmp_path / "mine")
    card = tmp_path / "model.toml"
    card.write_text(f'format = "hf:{tmp_path}/mine"\nlabels = ["real", "fake"]\n[output]\nkind = "logit"\n')
    check_classifier(load_classifier(str(card)), 2)
