import subprocess
import sys
from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.results.events import NoteEvent
from lsap_cli.runs import Run
from lsap_cli.runs.finding import find_runs
from lsap_cli.runs.trash import delete_for_good, move_to_trash, restore_from_trash, trash_entries


def finished_run(folder: Path) -> Path:
    with Run(folder, "generate", {"seed": 1}, []) as run:
        run.event(NoteEvent(message="one"))
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").write_bytes(b"\x89PNG")
    return folder


def content(folder: Path) -> dict[str, tuple[int, int, bytes | None]]:
    """Each path below a folder with its inode, its time, and its bytes."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(folder.rglob("*"))
    }


def test_what_is_deleted_is_gone_from_the_runs_and_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "deep" / "one")
    before = content(folder)
    entry = move_to_trash(tmp_path, folder)
    assert list(find_runs(tmp_path)) == []
    assert not folder.exists()
    assert trash_entries(tmp_path) == [entry]
    assert restore_from_trash(tmp_path, entry) == folder
    assert content(folder) == before
    assert trash_entries(tmp_path) == []
    assert list((tmp_path / ".trash").iterdir()) == []


def test_two_runs_of_one_name_lie_beside_each_other_in_the_trash(tmp_path: Path) -> None:
    for number in range(3):
        move_to_trash(tmp_path, finished_run(tmp_path / "one"))
        assert len(trash_entries(tmp_path)) == number + 1


def test_a_run_is_not_restored_over_another_thing(tmp_path: Path) -> None:
    entry = move_to_trash(tmp_path, finished_run(tmp_path / "one"))
    (tmp_path / "one").mkdir()
    with pytest.raises(LsapError, match="exists again"):
        restore_from_trash(tmp_path, entry)
    assert trash_entries(tmp_path) == [entry]


def test_a_run_is_not_restored_through_a_link_that_came_since(tmp_path: Path) -> None:
    root, outside = tmp_path / "runs", tmp_path / "outside"
    outside.mkdir()
    entry = move_to_trash(root, finished_run(root / "deep" / "one"))
    (root / "deep").rmdir()
    (root / "deep").symlink_to(outside)
    with pytest.raises(LsapError, match="through a link"):
        restore_from_trash(root, entry)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("where", [".", "..", "elsewhere", "one/..", "one/../../other"])
def test_nothing_but_a_folder_below_the_runs_is_deleted(tmp_path: Path, where: str) -> None:
    root = tmp_path / "runs"
    finished_run(root / "one")
    finished_run(tmp_path / "other")
    with pytest.raises(LsapError, match="not deleted"):
        move_to_trash(root, root / where)
    assert (root / "one" / "run.json").exists()
    assert (tmp_path / "other" / "run.json").exists()


def test_a_run_that_a_link_leads_to_is_not_deleted(tmp_path: Path) -> None:
    root, other = tmp_path / "runs", finished_run(tmp_path / "other" / "one")
    root.mkdir()
    (root / "linked").symlink_to(other)
    (root / "folder").symlink_to(other.parent)
    for folder in (root / "linked", root / "folder" / "one"):
        with pytest.raises(LsapError, match="through a link"):
            move_to_trash(root, folder)
    assert (other / "run.json").exists()


def test_a_trash_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    finished_run(root / "one")
    (tmp_path / "elsewhere").mkdir()
    (root / ".trash").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LsapError, match="is a link"):
        move_to_trash(root, root / "one")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert trash_entries(root) == []


def test_a_link_inside_a_run_goes_with_it_and_its_target_stays(tmp_path: Path) -> None:
    root, kept = tmp_path / "runs", tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = finished_run(root / "one")
    (folder / "link").symlink_to(kept)
    delete_for_good(root, move_to_trash(root, folder))
    assert (kept / "file").exists()
    assert list((root / ".trash").iterdir()) == []


def test_a_run_that_is_written_to_is_not_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    code = (
        "import time; from pathlib import Path; from lsap_cli.runs import Run\n"
        f"with Run(Path({str(folder)!r}), 'generate', {{}}, []):\n    print('on', flush=True)\n    time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            for root, one in ((folder.parent, folder), (tmp_path, folder)):
                with pytest.raises(LsapError, match="stop it first"):
                    move_to_trash(root, one)
        finally:
            process.kill()
    assert process.wait() != 0
    move_to_trash(folder.parent, folder)


def test_a_folder_with_no_run_in_it_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(LsapError, match="no run folder"):
        move_to_trash(tmp_path, tmp_path / "pictures")


@pytest.mark.parametrize("path", ["/etc", "../outside", "a/../../b", "", ".trash/x"])
def test_an_entry_that_leads_elsewhere_is_passed_over(tmp_path: Path, path: str) -> None:
    place = tmp_path / ".trash" / "x"
    (place / Path(path).name).mkdir(parents=True, exist_ok=True)
    (place / "trashed.json").write_text(f'{{"schema": "lsap.trashed/1", "path": "{path}", "time": 1}}')
    assert trash_entries(tmp_path) == []


def test_an_entry_of_another_folder_is_not_deleted_for_good(tmp_path: Path) -> None:
    entry = move_to_trash(tmp_path / "a", finished_run(tmp_path / "a" / "one"))
    (tmp_path / "b").mkdir()
    with pytest.raises(LsapError, match="not in the trash"):
        delete_for_good(tmp_path / "b", entry)
    assert entry.place.is_dir()
