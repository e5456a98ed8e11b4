import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from perturbations import Binding, Budget, Perturbation, parse_binding
from perturbations.perturbation import LARGEST_SIDE
from perturbations.resizing import RESIZINGS
from tests.tiny import make_bytes, make_perturbation

LINF = Budget("linf", Fraction(8, 255))


@pytest.mark.parametrize("resize", RESIZINGS)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("size", [(6, 5), (3, 2), (18, 22), (61, 7), (1, 1)])
def test_resizing_keeps_the_budget(norm: str, size: tuple[int, int], resize: str) -> None:
    perturbation = replace(make_perturbation(norm=norm), resize=resize)
    resized = perturbation.resized(*size)
    assert resized.shape == (4, 3, *size)
    assert perturbation.budget.size(resized) <= 8 / 255 * (1 + 1e-6)


def test_at_its_own_size_delta_is_what_is_added() -> None:
    perturbation = make_perturbation()
    assert torch.equal(perturbation.at(torch.arange(4), 4, 6, 5), perturbation.delta)


def test_frames_without_a_slot_are_left_alone_and_appended_ones_get_theirs() -> None:
    perturbation, video = make_perturbation("append:2", epsilon="1"), make_bytes(5)
    whole = torch.cat([video, torch.zeros_like(video[:2])])
    added = perturbation.add_to_bytes(whole, torch.arange(7), 5)
    assert torch.equal(added[:5], video)
    assert torch.equal(added[5:].short(), perturbation.levels(18, 22).clamp(min=0))
    at = perturbation.at(torch.tensor([6, 0]), 5, 6, 5)
    assert torch.equal(at, torch.stack([perturbation.delta[1], torch.zeros(3, 6, 5)]))


def test_upscaling_a_ramp_by_two_worked_out_by_hand() -> None:
    delta = torch.tensor([0.0, 4.0]).expand(1, 3, 1, 2) / 255
    resized = Perturbation(delta, Binding("constant"), LINF).resized(1, 4)
    assert (resized[0, 0, 0] * 255).tolist() == pytest.approx([0, 1, 3, 4], abs=1e-5)


def test_a_saturating_resize_worked_out_by_hand() -> None:
    """Between +8 and -8 the bicubic kernel at a quarter and three quarters gives 6.5 and 1.5 of 8, four times that."""
    delta = torch.tensor([8.0, -8.0]).expand(1, 3, 1, 2) / 255
    enlarged = {
        name: Perturbation(delta, Binding("constant"), LINF, resize=name).levels(1, 4)[0, 0, 0].tolist()
        for name in RESIZINGS
    }
    assert enlarged == {"bilinear": [8, 4, -4, -8], "saturating": [8, 8, -8, -8]}


def test_a_saturating_resize_uses_the_budget_where_a_bilinear_one_loses_half_of_it() -> None:
    signs = torch.randint(0, 2, (4, 3, 24, 24), generator=torch.Generator().manual_seed(0)) * 2 - 1.0
    used = {
        name: float(Perturbation(signs * 8 / 255, parse_binding("cyclic:4"), LINF, resize=name)
        .levels(36, 60).abs().float().mean()) for name in RESIZINGS
    }  # fmt: skip
    assert used["bilinear"] < 5
    assert used["saturating"] > 6.9


def test_at_its_own_size_a_saturating_delta_is_multiplied_and_projected() -> None:
    made = make_perturbation()
    perturbation = replace(made, delta=made.delta / 2, resize="saturating")
    assert torch.equal(perturbation.resized(6, 5), made.budget.project(4 * perturbation.delta))
    assert torch.equal(perturbation.resized(6, 5, slice(1, 3)), perturbation.resized(6, 5)[1:3])


def test_adding_stays_in_range_and_leaves_its_input_alone() -> None:
    perturbation = make_perturbation()
    frames = make_bytes(6)
    floats = frames / 255
    kept, kept_bytes = floats.clone(), frames.clone()
    added = perturbation.add(floats, torch.arange(6), 6)
    written = perturbation.add_to_bytes(frames, torch.arange(6), 6)
    assert (added.dtype, added.shape, written.dtype, written.shape) == (
        torch.float32, floats.shape, torch.uint8, frames.shape,
    )  # fmt: skip
    assert 0 <= float(added.min()) < float(added.max()) <= 1
    assert torch.equal(floats, kept)
    assert torch.equal(frames, kept_bytes)


def test_bytes_are_the_rounded_sum() -> None:
    perturbation, frames = make_perturbation(), make_bytes(6)
    levels = perturbation.at(torch.arange(6), 6, 18, 22) * 255
    is_tie = (levels - levels.floor() - 0.5).abs() < 1e-3
    sums = (perturbation.add(frames / 255, torch.arange(6), 6) * 255).round().to(torch.uint8)
    written = perturbation.add_to_bytes(frames, torch.arange(6), 6)
    assert torch.equal(sums[~is_tie], written[~is_tie])
    assert float(is_tie.float().mean()) < 0.05


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("epsilon", ["8/255", "0.03"])
def test_the_budget_holds_in_the_written_bytes(norm: str, epsilon: str) -> None:
    perturbation = make_perturbation(norm=norm, epsilon=epsilon)
    gray = torch.full((4, 3, 31, 40), 128, dtype=torch.uint8)
    difference = perturbation.add_to_bytes(gray, torch.arange(4), 4).double() - 128
    size = perturbation.budget.size(difference / 255)
    assert 0.5 * float(perturbation.budget.epsilon) < size <= float(perturbation.budget.epsilon) * (1 + 1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("binding", ["constant", "cyclic:4", "relative:3", "slot:2"])
@pytest.mark.parametrize("epsilon", ["8/255", "0.03", "1"])
def test_a_file_gives_back_what_was_saved(tmp_path: Path, norm: str, binding: str, epsilon: str) -> None:
    made = make_perturbation(binding, norm=norm, epsilon=epsilon)
    record = {"seed": 3, "classifier": {"name": "tiny"}, "videos": [{"name": "ä/b.mp4", "sha256": "00"}], "none": None}
    for resize in RESIZINGS:
        saved = Perturbation(made.delta, made.binding, made.budget, record, resize)
        saved.save(tmp_path / "r.safetensors")
        loaded = Perturbation.load(tmp_path / "r.safetensors")
        assert torch.equal(loaded.delta, saved.delta)
        assert (loaded.binding, loaded.budget, loaded.record) == (saved.binding, saved.budget, record)
        assert loaded == saved
        assert loaded.resize == resize


def test_perturbations_that_differ_in_their_resize_are_not_equal() -> None:
    made = make_perturbation()
    assert made != replace(made, resize="saturating")


def test_equal_perturbations_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        made = make_perturbation()
        Perturbation(made.delta, made.binding, made.budget, {"b": 1, "a": 2}).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def good_file() -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    metadata = {
        "format": "lsap.perturbation/1",
        "units": "pixels in [0, 1]",
        "binding": "cyclic:2",
        "norm": "linf",
        "epsilon": "8/255",
        "record": json.dumps({"seed": 0}),
    }
    return {"delta": torch.full((2, 3, 4, 5), 8 / 255)}, metadata


def test_the_good_file_that_the_damages_start_from_is_read(tmp_path: Path) -> None:
    tensors, metadata = good_file()
    save_file(tensors, tmp_path / "r.safetensors", metadata=metadata)
    assert Perturbation.load(tmp_path / "r.safetensors").record == {"seed": 0}


@pytest.mark.parametrize("size", [(6, 5), (18, 22), (3, 2), (40, 31), (61, 7)])
def test_a_file_that_says_nothing_of_a_resize_is_added_as_before_there_was_another(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """Its bytes are those that the version before wrote, and what is added are its bilinear levels."""
    made = replace(make_perturbation(), record={"seed": 3})
    metadata = good_file()[1] | {"binding": "cyclic:4", "record": json.dumps({"seed": 3})}
    save_file({"delta": made.delta}, tmp_path / "before.safetensors", metadata=metadata)
    read = Perturbation.load(tmp_path / "before.safetensors")
    assert read.resize == "bilinear"
    enlarged = made.delta
    if size != made.delta.shape[2:]:
        enlarged = F.interpolate(made.delta, size=size, mode="bilinear", align_corners=False, antialias=True)
    levels = (enlarged * 255 + 0.5).floor().clamp(-8, 8)
    gray = torch.full((4, 3, *size), 128, dtype=torch.uint8)
    assert torch.equal(read.add_to_bytes(gray).short() - 128, levels.short())
    read.save(tmp_path / "again.safetensors")
    with safe_open(tmp_path / "again.safetensors", framework="pt") as file:
        assert file.metadata() == metadata


def test_a_file_of_another_resize_is_of_a_format_that_versions_before_refuse(tmp_path: Path) -> None:
    replace(make_perturbation(), resize="saturating").save(tmp_path / "r.safetensors")
    with safe_open(tmp_path / "r.safetensors", framework="pt") as file:
        assert file.metadata()["format"] == "lsap.perturbation/2"
        assert file.metadata()["resize"] == "saturating"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", None, "not a perturbation file"),
        ("format", "lsap.perturbation/2", "lacks resize"),
        ("format", "lsap.perturbation/3", "not a perturbation file"),
        ("units", None, "lacks units"),
        ("units", "levels", "'levels'"),
        ("binding", None, "lacks binding"),
        ("binding", "cyclic:3", "2 slots, but its binding is cyclic:3"),
        ("binding", "spiral:2", "'spiral' is unknown"),
        ("binding", "cyclic:" + "9" * 5000, "digits"),
        ("norm", None, "lacks norm"),
        ("norm", "l1", "'l1' is unknown"),
        ("epsilon", None, "lacks epsilon"),
        ("epsilon", "7/255", "over its budget of 7/255"),
        ("epsilon", "8", "epsilon '8' is outside"),
        ("epsilon", "8/0", "damaged"),
        ("epsilon", "nan", "damaged"),
        ("epsilon", "", "damaged"),
        ("record", None, "lacks record"),
        ("record", "{", "damaged"),
        ("record", "[1]", "record is not an object"),
        ("record", "[" * 100_000, "damaged"),
    ],
)
def test_damaged_metadata_is_named(tmp_path: Path, key: str, value: str | None, message: str) -> None:
    tensors, metadata = good_file()
    del metadata[key]
    if value is not None:
        metadata[key] = value
    save_file(tensors, tmp_path / "r.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=r"r\.safetensors") as caught:
        Perturbation.load(tmp_path / "r.safetensors")
    assert message in str(caught.value)


def test_an_unknown_resize_is_named(tmp_path: Path) -> None:
    tensors, metadata = good_file()
    metadata |= {"format": "lsap.perturbation/2", "resize": "saturated"}
    save_file(tensors, tmp_path / "r.safetensors", metadata=metadata)
    with pytest.raises(ValueError, match=r"the resize 'saturated' is unknown.*Did you mean saturating"):
        Perturbation.load(tmp_path / "r.safetensors")


def with_one(value: float) -> torch.Tensor:
    delta = torch.zeros(2, 3, 4, 5)
    delta[1, 2, 3, 4] = value
    return delta


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "delta"),
        ({"pattern": torch.zeros(2, 3, 4, 5)}, "delta"),
        ({"delta": torch.zeros(2, 3, 4, 5), "more": torch.zeros(1)}, "delta"),
        ({"delta": torch.zeros(3, 3, 4, 5)}, "3 slots, but its binding is cyclic:2"),
        ({"delta": torch.zeros(2, 1, 4, 5)}, "(2, 1, 4, 5)"),
        ({"delta": torch.zeros(2, 3, 4)}, "(2, 3, 4)"),
        ({"delta": torch.zeros(2, 3, 0, 5)}, "(2, 3, 0, 5)"),
        ({"delta": torch.zeros(2, 3, 1, LARGEST_SIDE + 1)}, "at most 4096"),
        ({"delta": torch.zeros(2, 3, 4, 5, dtype=torch.float64)}, "float64"),
        ({"delta": torch.zeros(2, 3, 4, 5, dtype=torch.bfloat16)}, "bfloat16"),
        ({"delta": torch.zeros(2, 3, 4, 5, dtype=torch.uint8)}, "uint8"),
        ({"delta": with_one(float("nan"))}, "not finite"),
        ({"delta": with_one(float("-inf"))}, "not finite"),
        ({"delta": with_one(9 / 255)}, "9/255, over its budget of 8/255"),
    ],
)
def test_a_damaged_delta_is_named(tmp_path: Path, tensors: dict[str, torch.Tensor], message: str) -> None:
    save_file(tensors, tmp_path / "r.safetensors", metadata=good_file()[1])
    with pytest.raises(ValueError, match=r"r\.safetensors") as caught:
        Perturbation.load(tmp_path / "r.safetensors")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:4],
        lambda data: data[:200],
        lambda data: data[:-1],
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data + b"more",
        lambda data: b"this is a text: " + data,
    ],
    ids=["empty", "no header", "half a header", "a byte short", "huge header", "a tail", "text"],
)
def test_bytes_that_are_no_safetensors_file_are_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "r.safetensors"
    make_perturbation().save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"r\.safetensors is not a safetensors file"):
        Perturbation.load(path)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        Perturbation.load(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target", [1]),
        ("videos", "x"),
        ("videos", ["x"]),
        ("videos", [{"name": "a", "group": ["a"], "sha256": "0"}]),
        ("classifier", "x"),
        ("classifier", {"name": 3}),
        ("only", 3),
        ("fit_samplers", [1, {}]),
        ("held_out_samplers", {"uniform": 1}),
    ],
)
def test_a_field_of_a_record_that_is_of_another_kind_is_refused_by_name(
    tmp_path: Path, name: str, value: object
) -> None:
    Perturbation(torch.zeros(1, 3, 4, 4), parse_binding("constant"), LINF, {name: value}).save(
        tmp_path / "r.safetensors"
    )
    with pytest.raises(ValueError, match=name):
        Perturbation.load(tmp_path / "r.safetensors")
