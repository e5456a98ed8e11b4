import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.label_files import read_labels
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.classifiers.spec_checks import check_model_spec
from lsap_cli.errors import LsapError
from perturbations.samplers import Dense, Uniform
from tests.classifiers.cards import FACTORY, write_card
from tests.tiny import make_bytes


def clip(height: int = 4, width: int = 4) -> torch.Tensor:
    """(1, 2, 3, height, width) float32 in [0, 1]."""
    return make_bytes(2, height, width)[None] / 255


def seen(classifier: Classifier, clips: torch.Tensor | None = None) -> torch.Tensor:
    """What reaches the network."""
    classifier(clip() if clips is None else clips)
    network: Any = classifier.network
    given: torch.Tensor = network.seen[-1]
    return given


def test_a_card_that_says_little_gets_plain_pixels(tmp_path: Path) -> None:
    classifier = load_card(write_card(tmp_path))
    assert torch.equal(seen(classifier), clip())
    assert (classifier.name, classifier.labels, classifier.frames) == ("small", ["first", "second", "third"], 2)
    assert (classifier.sampler, classifier.views) == (Uniform(), 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input__layout": "BCTHW"}, clip().transpose(1, 2)),
        ({"input__channels": "BGR"}, clip()[:, :, [2, 1, 0]]),
        ({"input__scale": 255}, clip() * 255),
        ({"input__mean": [0.1, 0.2, 0.3]}, clip() - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)),
        ({"input__std": [0.5, 1, 2]}, clip() / torch.tensor([0.5, 1, 2]).view(3, 1, 1)),
        (
            # mean and std are in the network's own order and scale
            {
                "input__channels": "BGR",
                "input__scale": 255,
                "input__mean": [104, 117, 123],
                "input__std": [1, 2, 4],
                "input__layout": "BCTHW",
            },
            (
                (clip()[:, :, [2, 1, 0]] * 255 - torch.tensor([104, 117, 123]).view(3, 1, 1))
                / torch.tensor([1, 2, 4]).view(3, 1, 1)
            ).transpose(1, 2),
        ),
    ],
    ids=["layout", "channels", "scale", "mean", "std", "all"],
)
def test_the_network_gets_its_input_as_the_card_says(
    tmp_path: Path, changes: dict[str, Any], expected: torch.Tensor
) -> None:
    torch.testing.assert_close(seen(load_card(write_card(tmp_path, **changes))), expected)


def test_frames_are_resized_and_the_centre_is_cut_out(tmp_path: Path) -> None:
    classifier = load_card(write_card(tmp_path, input__resize=[8, 10]))
    assert torch.equal(seen(classifier, clip(8, 10)), clip(8, 10)[..., 2:6, 3:7])
    shorter = load_card(write_card(tmp_path, input__resize=6))
    assert shorter.geometry.working_size(12, 30) == (6, 15)
    assert shorter.geometry.working_size(30, 12) == (15, 6)
    assert seen(shorter, clip(12, 30)).shape == (1, 2, 3, 4, 4)


def test_without_a_resize_frames_are_brought_to_the_size_itself(tmp_path: Path) -> None:
    assert load_card(write_card(tmp_path, input__resize=None)).geometry.resize == (4, 4)


def test_resizing_without_antialiasing_is_another_picture(tmp_path: Path) -> None:
    soft = seen(load_card(write_card(tmp_path)), clip(16, 16))
    hard = seen(load_card(write_card(tmp_path, input__antialias=False)), clip(16, 16))
    assert float((soft - hard).abs().max()) > 0.1


def test_sampling_is_what_the_card_says(tmp_path: Path) -> None:
    classifier = load_card(write_card(tmp_path, sampling__sampler="dense:stride=4", sampling__views=3))
    assert (classifier.sampler, classifier.sampler_spec, classifier.views) == (Dense(4), "dense:stride=4", 3)


@pytest.mark.parametrize(
    ("factory", "pick"), [("build_key", "logits"), ("build_attribute", "logits"), ("build_position", "1")]
)
def test_scores_are_picked_from_the_output_by_key_attribute_or_position(
    tmp_path: Path, factory: str, pick: str
) -> None:
    plain = load_card(write_card(tmp_path))
    picked = load_card(write_card(tmp_path, factory=f"factory.py:{factory}", output__pick=pick))
    assert torch.equal(picked(clip()), plain(clip()))


@pytest.mark.parametrize("pick", [None, "scores", "0", "7"])
def test_an_output_that_holds_no_such_scores_is_named(tmp_path: Path, pick: str | None) -> None:
    factory = "factory.py:build_key" if pick in (None, "scores") else "factory.py:build_position"
    classifier = load_card(write_card(tmp_path, factory=factory, output__pick=pick))
    with pytest.raises(LsapError, match=r"'small' gave .*(pick|\[output\])"):
        classifier(clip())


def test_the_tensors_of_an_output_are_named_where_the_card_picks_none(tmp_path: Path) -> None:
    classifier = load_card(write_card(tmp_path, factory="factory.py:build_key"))
    with pytest.raises(LsapError, match=r"say in \[output\] pick .* holds the scores: .*'logits' \(1, 3\)"):
        classifier(clip())


def test_probabilities_become_logits_with_the_same_softmax(tmp_path: Path) -> None:
    logits = load_card(write_card(tmp_path))(clip())
    card = write_card(tmp_path, factory="factory.py:build_probabilities", output__kind="probabilities")
    converted = load_card(card)(clip())
    torch.testing.assert_close(converted.softmax(1), logits.softmax(1))
    assert converted.isfinite().all()


def test_a_number_of_labels_that_does_not_fit_is_named(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    (tmp_path / "labels.txt").write_text("first\nsecond\n")
    with pytest.raises(LsapError, match=r"'small' gave an output of shape \(1, 3\) .* 2 labels"):
        load_card(card)(clip())


def test_gradients_flow_back_to_the_pixels_of_a_video(tmp_path: Path) -> None:
    classifier = load_card(write_card(tmp_path, input__channels="BGR", input__scale=255, input__layout="BCTHW"))
    pixels = clip(9, 7).requires_grad_()
    (gradient,) = torch.autograd.grad(classifier(pixels).sum(), pixels)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in classifier.parameters())


def test_the_network_is_in_evaluation_mode(tmp_path: Path) -> None:
    assert not load_card(write_card(tmp_path)).network.training


def test_a_factory_can_be_in_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "somebodys_networks"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "video.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path / "site")
    classifier = load_card(write_card(tmp_path / "card", factory="somebodys_networks.video:build"))
    assert classifier(clip()).shape == (1, 3)


def test_a_factory_file_can_import_its_neighbors_and_leaves_the_path_as_it_was(tmp_path: Path) -> None:
    card = write_card(tmp_path, factory="outer.py:build")
    (tmp_path / "outer.py").write_text("from factory import build\n")
    before = list(sys.path)
    assert load_card(card)(clip()).shape == (1, 3)
    assert sys.path == before


def test_two_cards_with_equally_named_neighbors_do_not_share_them(tmp_path: Path) -> None:
    for name, factor in (("one", "1.0"), ("two", "5.0")):
        card = write_card(tmp_path / name, factory="outer.py:build")
        (card.parent / "blocks_of_a_card.py").write_text(FACTORY.replace("[1.0, 2.0, 3.0]", f"[{factor}, 2.0, 3.0]"))
        (card.parent / "outer.py").write_text("from blocks_of_a_card import build\n")
    one, two = (load_card(tmp_path / name / "model.toml")(clip()) for name in ("one", "two"))
    assert not torch.equal(one, two)


def test_packages_beside_a_card_are_its_own_and_part_of_what_it_is(tmp_path: Path) -> None:
    scores, hashes = [], []
    for place, factor in (("one", "1.0"), ("two", "3.0"), ("two", "5.25")):  # of another size: it is compiled anew
        card = write_card(tmp_path / place, factory="outer.py:build")
        package = card.parent / "blocks_in_a_package"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        (package / "layers.py").write_text(FACTORY.replace("[1.0, 2.0, 3.0]", f"[{factor}, 2.0, 3.0]"))
        (card.parent / "outer.py").write_text("from blocks_in_a_package.layers import build\n")
        classifier = load_card(card)
        scores.append(float(classifier(clip())[0, 0]))
        hashes.append(classifier.source["helpers_sha256"])
    assert scores[1:] == pytest.approx([3 * scores[0], 5.25 * scores[0]])
    assert len(set(hashes)) == 3
    assert "helpers_sha256" not in load_card(write_card(tmp_path / "alone")).source


def test_a_factory_that_draws_its_weights_draws_the_same_again(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    (tmp_path / "factory.py").write_text("from torch import nn\n\ndef build():\n    return nn.Linear(3, 2)\n")
    before = torch.random.get_rng_state()
    first, second = (load_card(card).network.state_dict()["weight"] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_are_loaded_for_a_factory_that_takes_none(tmp_path: Path, suffix: str) -> None:
    weights = {"bias": torch.tensor([0.0, 10.0, 20.0])}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    classifier = load_card(write_card(tmp_path, weights=path.name))
    plain = load_card(write_card(tmp_path, weights=None))
    torch.testing.assert_close(classifier(clip()) - plain(clip()), torch.tensor([[0.0, 10.0, 20.0]]))
    assert len(classifier.source["weights_sha256"]) == 64


def test_weights_of_a_training_checkpoint_are_found(tmp_path: Path) -> None:
    torch.save({"state_dict": {"bias": torch.ones(3)}, "epoch": 3}, tmp_path / "weights.pt")
    assert bool((load_card(write_card(tmp_path, weights="weights.pt")).state_dict()["network.bias"] == 1).all())


def test_weights_under_a_key_of_the_checkpoints_own_are_loaded(tmp_path: Path) -> None:
    torch.save({"mine": {"inner": {"bias": torch.ones(3)}}}, tmp_path / "weights.pt")
    card = write_card(tmp_path, weights="weights.pt", weights_key="mine.inner")
    assert bool((load_card(card).state_dict()["network.bias"] == 1).all())


def test_a_factory_that_takes_an_argument_gets_the_path_of_the_weights(tmp_path: Path) -> None:
    save_file({"bias": torch.zeros(3)}, tmp_path / "weights.safetensors")
    card = write_card(tmp_path, factory="factory.py:build_with", weights="weights.safetensors")
    network: Any = load_card(card).network
    assert network.path == tmp_path / "weights.safetensors"


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("factory", ["build", "build_with"])
@pytest.mark.parametrize("plain_pickle", [False, True])
def test_weights_that_could_run_code_are_refused_unopened(
    tmp_path: Path, suffix: str, factory: str, plain_pickle: bool
) -> None:
    path = tmp_path / f"weights{suffix}"
    evil = {"bias": Malicious(tmp_path / "was run")}
    if plain_pickle:
        path.write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, path)
    card = write_card(tmp_path, factory=f"factory.py:{factory}", weights=path.name)
    with pytest.raises(LsapError, match=f"the weights .*weights{suffix} cannot be opened"):
        load_card(card)
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_that_are_damaged_are_named(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"weights{suffix}").write_bytes(content)
    with pytest.raises(LsapError, match=f"weights{suffix} cannot be opened"):
        load_card(write_card(tmp_path, weights=f"weights{suffix}"))


@pytest.mark.parametrize(("content", "why"), [(b"", "it is empty"), (b"hello", "torch.save did not write it")])
def test_why_weights_cannot_be_opened_is_said_in_plain_words(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(LsapError, match=why):
        load_card(write_card(tmp_path, weights="weights.pt"))


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.pth", b"PK\x80", "weights: name it in the field weights"),
        ("a.pkl", b"x", "a pickle runs code"),
        ("config.json", b"{}", "as hf:FOLDER"),
        ("net.py", b"import torch", "in the field factory"),
        ("a.tflite", b"", "export it as ONNX"),
        ("a.xyz", b"\xff", "which is a TOML file$"),
    ],
)
def test_a_file_that_is_no_card_is_said_to_be_what_it_looks_like(
    tmp_path: Path, name: str, content: bytes, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LsapError, match=f"{name} is no model card, .*{hint}"):
        check_model_spec(str(tmp_path / name))


@pytest.mark.parametrize(
    "maker", ['factory = "net.py:build"', 'format = "onnx:other.onnx"', 'command = "python serve.py"']
)
@pytest.mark.parametrize("card", ["net.toml", "model.toml"])
def test_a_card_of_another_network_beside_a_file_is_refused(tmp_path: Path, maker: str, card: str) -> None:
    for name in ("net.pt2", "other.onnx", "net.py"):
        (tmp_path / name).touch()
    (tmp_path / card).write_text(
        f'{maker}\nlabels = ["a", "b"]\n[input]\nlayout = "BTCHW"\nframes = 2\nsize = [4, 4]\n'
    )
    with pytest.raises(LsapError, match=f"{card} beside .*net.pt2 is that of another network"):
        check_model_spec(str(tmp_path / "net.pt2"))
    check_model_spec(str(tmp_path / card))


def test_a_file_of_weights_finds_the_card_that_names_it(tmp_path: Path) -> None:
    torch.save({"bias": torch.ones(3)}, tmp_path / "model.pt")
    write_card(tmp_path, weights="model.pt")
    check_model_spec(str(tmp_path / "model.pt"))


@pytest.mark.parametrize("name", ["hf", "pt2", "torchscript", "onnx", "torchvision"])
def test_a_format_that_names_nothing_is_told(name: str) -> None:
    with pytest.raises(LsapError, match=f"the model '{name}:' names nothing behind {name}:; write "):
        check_model_spec(f"{name}:")


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    save_file({"other": torch.zeros(3)}, tmp_path / "weights.safetensors")
    with pytest.raises(LsapError, match=r"weights\.safetensors of the model card .*model\.toml do not fit") as caught:
        load_card(write_card(tmp_path, weights="weights.safetensors"))
    assert "it lacks bias; the network has no other" in str(caught.value)


def test_weights_of_another_shape_are_named_with_both_shapes(tmp_path: Path) -> None:
    save_file({"bias": torch.zeros(4)}, tmp_path / "weights.safetensors")
    with pytest.raises(LsapError, match=r"another shape has bias \(\(4,\), not \(3,\)\)"):
        load_card(write_card(tmp_path, weights="weights.safetensors"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 3),
        ("name", ""),
        ("factory", None),
        ("factory", "factory.py"),
        ("factory", "factory.py:"),
        ("factory", 3),
        ("weights", "gone.safetensors"),
        ("weights", 3),
        ("labels", None),
        ("labels", "gone.txt"),
        ("colour", "red"),
        ("input__layout", None),
        ("input__layout", "THWC"),
        ("input__frames", None),
        ("input__frames", 0),
        ("input__frames", True),
        ("input__frames", 1.5),
        ("input__frames", 10**9),
        ("input__size", None),
        ("input__size", 224),
        ("input__size", [224]),
        ("input__size", [0, 4]),
        ("input__size", [10**9, 10**9]),
        ("input__size", "44"),
        ("input__resize", 3),
        ("input__resize", [4, 3]),
        ("input__resize", True),
        ("input__resize", [4, 4, 4]),
        ("input__antialias", 1),
        ("input__channels", "rgb"),
        ("input__scale", 2),
        ("input__scale", True),
        ("input__mean", [0.5, 0.5]),
        ("input__mean", "abc"),
        ("input__mean", [float("nan"), 0, 0]),
        ("input__std", [1, 1, 0]),
        ("input__std", [1, 1, -1]),
        ("input__std", [float("nan"), 1, 1]),
        ("input__std", 1),
        ("input__fps", 5),
        ("sampling__sampler", "often"),
        ("sampling__sampler", "dense:stride=0"),
        ("sampling__sampler", 5),
        ("sampling__views", 0),
        ("output__kind", "scores"),
        ("output__pick", 0),
        ("output__shape", 3),
    ],
    ids=str,
)
def test_a_wrong_field_is_named_with_its_card(tmp_path: Path, field: str, value: Any) -> None:
    card = write_card(tmp_path, **{field: value})
    with pytest.raises(LsapError, match=r"model\.toml") as caught:
        load_card(card)
    assert field.rpartition("__")[2] in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("factory.py:gone", "no callable 'gone'"),
        ("factory.py:number", "no callable 'number'"),
        ("gone.py:build", "gone.py, which is not there"),
        ("no_such_package.models:build", "no_such_package.models cannot be imported: ModuleNotFoundError"),
        ("syntax.py:build", "syntax.py cannot be imported: SyntaxError"),
        ("factory.py:broken", "its factory failed: RuntimeError: the factory's own words"),
        ("factory.py:exits", "its factory failed: SystemExit: 3"),
        ("exits.py:build", "exits.py cannot be imported: SystemExit: 4"),
        ("factory.py:not_a_network", "its factory gave an object of type int, not a torch module"),
    ],
)
def test_a_factory_that_fails_is_named_with_its_card(tmp_path: Path, factory: str, message: str) -> None:
    card = write_card(tmp_path, factory=factory)
    (tmp_path / "syntax.py").write_text("def build(:\n")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(4)\n")
    with pytest.raises(LsapError, match=r"model\.toml") as caught:
        load_card(card)
    assert message in str(caught.value)


def test_a_sentence_names_the_card_the_field_what_it_was_and_what_would_work(tmp_path: Path) -> None:
    message: list[tuple[str, Any, str]] = [
        ("input__frames", 0, "has frames in [input] = 0; it must be a whole number from 1"),
        ("input__layout", None, "lacks layout in [input]; it is BTCHW, BCTHW, BTHWC, NCHW or NHWC"),
        ("input__size", [224], "has size in [input] = [224]; it must be [height, width]"),
        ("input__mean", "abc", "has mean in [input] = 'abc'; it must be a list of three numbers, or of one"),
        ("input__fps", 5, "has an unknown field 'fps' in [input]; known: layout, frames, size"),
        ("input__resize", 3, "resize 3 is smaller than size (4, 4)"),
        (
            "output__kind",
            "scores",
            "has kind in [output] = 'scores'; it must be logits, probabilities, logit, probability or label",
        ),
        ("factory", None, 'lacks factory; it is "file.py:callable"'),
        (
            "colour",
            "red",
            "has an unknown field 'colour'; known: factory, family, backbone, classes, segments, format, command, url, "
            "labels, input, name, weights",
        ),
        ("name", "", "name is empty"),
    ]
    for field, value, sentence in message:
        path = write_card(tmp_path, **{field: value})
        with pytest.raises(LsapError) as caught:
            load_card(path)
        assert str(caught.value).startswith(f"the model card {path}")
        assert sentence in str(caught.value)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"input = 3\n"], ids=["no TOML", "no text", "no table"])
def test_a_file_that_is_no_card_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.toml").write_bytes(content)
    with pytest.raises(LsapError, match=r"the model card .*model\.toml"):
        load_card(tmp_path / "model.toml")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\xff"])
def test_labels_that_are_none_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(LsapError, match=r"labels\.txt"):
        read_labels(tmp_path / "labels.txt")


def test_labels_are_read_in_order_and_empty_lines_at_the_end_are_none(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("b\r\n a \nc\n\n\n")
    assert read_labels(tmp_path / "labels.txt") == ["b", "a", "c"]


def test_a_spec_can_be_a_card_or_its_folder(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    assert load_classifier(str(card)).name == load_classifier(str(tmp_path)).name == "small"


def test_a_spec_that_names_nothing_is_said_with_what_would_work(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="'nothing' is neither a model card"):
        load_classifier("nothing")
    with pytest.raises(LsapError, match="neither a model card"):
        load_classifier(str(tmp_path))


def test_the_demo_model_is_a_card_in_the_package() -> None:
    classifier = load_classifier("demo")
    assert classifier.name == "demo"
    clips = torch.zeros(1, classifier.frames, 3, *classifier.geometry.size)
    assert classifier.score(clips).shape == (1, 8)
