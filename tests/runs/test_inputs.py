"""A stopped run is resumed with the same inputs, or not at all."""

from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.runs.inputs import INPUTS_FILE, keep_inputs, remove_inputs

INPUTS = {"video a.mp4": "1", "weights of net": "2", "lsap": "0.2"}


def test_the_same_inputs_resume(tmp_path: Path) -> None:
    keep_inputs(tmp_path, INPUTS, resume=False)
    keep_inputs(tmp_path, dict(reversed(INPUTS.items())), resume=True)


def test_what_differs_is_named(tmp_path: Path) -> None:
    keep_inputs(tmp_path, INPUTS, resume=False)
    for other, sentence in (
        (INPUTS | {"video a.mp4": "9"}, "video a.mp4 has changed"),
        (INPUTS | {"video b.mp4": "9"}, "video b.mp4 is new"),
        ({"video a.mp4": "1", "lsap": "0.2"}, "weights of net is gone"),
        ({"lsap": "0.3"} | {f"video {n}": "1" for n in range(9)}, "and 9 more"),
    ):
        with pytest.raises(LsapError, match="--resume") as raised:
            keep_inputs(tmp_path, other, resume=True)
        assert sentence in str(raised.value)


def test_parameters_that_differ_alone_are_explained(tmp_path: Path) -> None:
    inputs = INPUTS | {"parameters of net": "3", "labels of net": "4"}
    keep_inputs(tmp_path, inputs, resume=False)
    with pytest.raises(LsapError, match=r"parameters of net have changed \(its files are the same: .* at random"):
        keep_inputs(tmp_path, inputs | {"parameters of net": "9"}, resume=True)
    with pytest.raises(LsapError, match=r"labels of net have changed; parameters of net have changed; restore"):
        keep_inputs(tmp_path, inputs | {"parameters of net": "9", "labels of net": "9"}, resume=True)


def test_a_new_run_replaces_what_an_earlier_one_left(tmp_path: Path) -> None:
    keep_inputs(tmp_path, {"video a.mp4": "9"}, resume=False)
    keep_inputs(tmp_path, INPUTS, resume=False)
    keep_inputs(tmp_path, INPUTS, resume=True)


def test_a_damaged_file_is_refused_and_a_run_without_one_resumes(tmp_path: Path) -> None:
    keep_inputs(tmp_path, INPUTS, resume=True)
    (tmp_path / INPUTS_FILE).write_text("{")
    with pytest.raises(LsapError, match="damaged"):
        keep_inputs(tmp_path, INPUTS, resume=True)


def test_a_finished_run_keeps_no_inputs(tmp_path: Path) -> None:
    keep_inputs(tmp_path, INPUTS, resume=False)
    keep_inputs(tmp_path, INPUTS, resume=False, name="transfer-inputs.json")
    remove_inputs(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_not_utf8_is_kept_and_compared(tmp_path: Path) -> None:
    keep_inputs(tmp_path, {"video caf\udce9.mp4": "0"}, resume=False)
    keep_inputs(tmp_path, {"video caf\udce9.mp4": "0"}, resume=True)
