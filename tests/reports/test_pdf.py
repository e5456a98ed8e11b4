"""The report as PDF: printed by a real Chromium where there is one, and refusals with a program that is none."""

import re
import shutil
from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.reports import pdf
from tests.reports.fake_run import write_run

needs_chromium = pytest.mark.skipif(
    not any(map(shutil.which, pdf.PROGRAMS)), reason="no Chromium is installed: apt install chromium"
)


def program(folder: Path, script: str) -> None:
    folder.mkdir()
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@needs_chromium
def test_the_page_is_printed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", pictures=False, defenses=("none", "jpeg:quality=75"))
    exported = pdf.export_pdf(run, None)
    content = (run / "report.pdf").read_bytes()
    assert exported.place == str(run / "report.pdf")
    assert content.startswith(b"%PDF")
    assert re.search(rb"/Type\s*/Page\b", content)
    assert not (run / "report.html").exists()
    assert not list(run.glob("pdf-*"))


def test_without_chromium_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LsapError, match="apt install chromium"):
        pdf.export_pdf(write_run(tmp_path / "run", pictures=False), None)


def test_a_program_that_prints_nothing_is_named_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "echo no display >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(LsapError, match="printed no PDF; it said: no display"):
        pdf.export_pdf(write_run(tmp_path / "run", pictures=False), None)


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "/bin/sleep 60 & /bin/sleep 60")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(pdf, "PATIENCE", 0.3)
    run = write_run(tmp_path / "run", pictures=False)
    with pytest.raises(LsapError, match="did not print the page"):
        pdf.export_pdf(run, tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_an_earlier_pdf_stays_where_printing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "a.pdf").write_bytes(b"%PDF earlier")
    with pytest.raises(LsapError, match="it said: nothing"):
        pdf.export_pdf(write_run(tmp_path / "run", pictures=False), tmp_path / "a.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == b"%PDF earlier"
