"""Short animations of a report, from the strips that a run keeps."""

import re
from pathlib import Path

from msgspec.structs import replace
from PIL import Image

from lsap_cli.pictures.drawing import save_picture
from lsap_cli.reports.films import report_films
from lsap_cli.reports.html import write_report
from lsap_cli.reports.run_pictures import RunPictures
from lsap_cli.results.files import write_document
from lsap_cli.results.pictures import LOOK_FILE, FilmPictures, Look
from tests.reports.fake_run import write_run

FILM = FilmPictures(
    video="a [x].mp4", frame=3, factor=8, frames=4, before="pictures/b.png", after="pictures/a.png",
    difference="pictures/d.png", clean_prediction="sit", attacked_prediction="run",
)  # fmt: skip


def with_films(run: Path, *films: FilmPictures) -> Path:
    for name in ("b", "a", "d"):
        save_picture(Image.new("RGB", (20, 4 * 10)), run / "pictures" / f"{name}.png")
    write_document(run / LOOK_FILE, Look(videos=films))
    return run


def test_a_film_moves_by_css_and_stands_still_on_paper_and_where_that_is_wanted(tmp_path: Path) -> None:
    run = with_films(write_run(tmp_path / "run"), FILM)
    page = write_report(run).read_text(encoding="utf-8")
    assert len(re.findall(r"animation:film 0.48s steps\(4\) infinite", page)) == 3
    assert "aspect-ratio:2.0" in page
    assert "@media (prefers-reduced-motion: reduce), print { .film img { animation: none !important; } }" in page
    assert "<strong><bdi>run</bdi></strong>" in page
    assert "<script" not in page


def test_a_film_whose_strips_do_not_fit_or_are_missing_is_left_out(tmp_path: Path) -> None:
    run = with_films(write_run(tmp_path / "run"), FILM)
    pictures = RunPictures(run)
    write_document(run / LOOK_FILE, Look(videos=(replace(FILM, frames=3), replace(FILM, frames=1), FILM)))
    assert [one.frames for one in report_films(run, pictures)] == [4]
    (run / "pictures" / "d.png").unlink()
    assert report_films(run, pictures) == []
    assert "pictures/d.png" in " ".join(pictures.notes())


def test_a_run_without_strips_has_no_films(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert report_films(run, RunPictures(run)) == []
    assert "A moment of each video" not in write_report(run).read_text(encoding="utf-8")
