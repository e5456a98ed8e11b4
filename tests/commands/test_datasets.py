from pathlib import Path

from tests.commands.conftest import Lsap
from tests.tiny import make_bytes, write_tiny


def test_show_prints_the_set_and_draws_it(tmp_path: Path, lsap: Lsap) -> None:
    write_tiny(tmp_path / "set" / "yoga" / "a.mkv", make_bytes(4))
    (tmp_path / "set" / "yoga" / "[broken].mkv").write_bytes(b"no video")
    outcome = lsap("datasets", "show", tmp_path / "set", "--preview", tmp_path / "pictures" / "set.png")
    assert outcome.code == 1  # one file would be left out
    assert "yoga/[broken].mkv" in outcome.out
    assert f"wrote {tmp_path / 'pictures' / 'set.png'}" in outcome.err
    assert (tmp_path / "pictures" / "set.png").read_bytes().startswith(b"\x89PNG")


def test_every_format_is_listed(lsap: Lsap) -> None:
    assert "list:PATH" in lsap("datasets").out
