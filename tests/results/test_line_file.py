"""Files that are written line by line, on a disk that is full: /dev/full refuses each write as one does."""

import errno
from pathlib import Path

import pytest

from lsap_cli.results.events import StageEvent
from lsap_cli.results.line_file import LineFile


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"records\.jsonl") as caught, LineFile(tmp_path / "records.jsonl") as lines:
        lines.write(StageEvent(name="decoding"))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "records.jsonl"))


def test_lines_are_kept_when_more_are_appended(tmp_path: Path) -> None:
    for append in (False, True):
        with LineFile(tmp_path / "a.jsonl", append) as lines:
            lines.write(StageEvent(name="one"), StageEvent(name="two"))
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == 4
