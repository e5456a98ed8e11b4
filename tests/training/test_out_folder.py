"""The folder of `train` and `harden`: one run at a time, and no card beside files that are not its own."""

import os
from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.runs import Run
from lsap_cli.training.out_folder import check_can_be_hardened
from lsap_cli.training.output import TRIAL, own_out_folder


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_one_works(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Run(tmp_path / "first", "train", {}, []) as first, own_out_folder(out, first):
        (out / "model.toml").touch()
        with (
            pytest.raises(LsapError, match="another lsap process is writing into --out"),
            Run(tmp_path / "second", "train", {}, []) as second,
            own_out_folder(out, second),
        ):
            pass
        assert (out / "model.toml").exists()
    with Run(tmp_path / "third", "train", {}, []) as third, own_out_folder(out, third):
        pass


@pytest.mark.parametrize(("was_there", "written", "stays"), [(False, 0, False), (False, 1, True), (True, 0, True)])
def test_a_folder_that_a_failed_run_made_is_removed_where_it_is_empty(
    was_there: bool, written: int, stays: bool, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    if was_there:
        out.mkdir()
    with Run(tmp_path / "run", "train", {}, []) as run, pytest.raises(LsapError, match="wrong"):
        fail_in(out, run, written)
    assert out.exists() == stays


def fail_in(out: Path, run: Run, written: int) -> None:
    with own_out_folder(out, run):
        for number in range(written):
            (out / f"{number}.txt").touch()
        raise LsapError("wrong")


def test_parts_of_files_that_a_killed_run_left_are_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / f"{TRIAL}abc").mkdir(parents=True)
    (out / f"{TRIAL}abc" / "weights.safetensors").touch()
    for name in (".model.toml.77.partial", "model.toml", ".own.partial"):
        (out / name).touch()
    with Run(tmp_path / "run", "train", {}, []) as run, own_out_folder(out, run):
        assert sorted(path.name for path in out.iterdir()) == [".own.partial", "model.toml"]


def test_other_processes_of_a_group_share_the_folder_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run(tmp_path / "run", "train", {}, []) as run, own_out_folder(tmp_path / "out", run):
        monkeypatch.setenv("RANK", "1")
        with own_out_folder(tmp_path / "out", run):
            assert os.environ["RANK"] == "1"


def test_the_folder_of_the_model_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "model.toml").write_text('family = "c3d"\nlabels = ["a", "b"]\n')
    for spec in (str(tmp_path / "victim"), str(tmp_path / "victim" / "model.toml"), f"hf:{tmp_path / 'victim'}"):
        with pytest.raises(LsapError, match="is the folder of the model"):
            check_can_be_hardened(spec, tmp_path / "x" / ".." / "victim")
    check_can_be_hardened(str(tmp_path / "victim"), tmp_path / "hardened")
