"""What trackers of experiments get of a run."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.contents import read_contents
from lsap_cli.reports.exports.figures import headline, numbers
from lsap_cli.reports.exports.names import LONGEST, UniqueNames, metric_name
from lsap_cli.results.files import RUN_FILE, read_facts_document, write_document
from tests.reports.exports.runs import PERTURBATION, RUNS


def test_curves_have_one_point_a_step_the_last_one_of_a_repeated_step(tmp_path: Path) -> None:
    curves = read_contents(RUNS["generate"](tmp_path)).curves
    assert [(point.step, point.value) for point in curves["learning/loss"]] == [(1, 2.5), (2, 1.0)]
    assert [point.value for point in curves["learning/fooling rate of batches"]] == [1 / 8, 2 / 8, 3 / 8]
    assert [(point.step, point.value) for point in curves["verification/fooling rate/uniform"]] == [(3, 0.75)]
    assert curves["usage/memory in GB"][0].value == 1.0


def test_curves_of_an_attacker_say_which(tmp_path: Path) -> None:
    assert "learning attacker 1/loss" in read_contents(RUNS["defend"](tmp_path)).curves


def test_rates_come_with_count_and_interval(tmp_path: Path) -> None:
    contents = read_contents(RUNS["defend"](tmp_path))
    rate = numbers(contents.figures["rates/universal/jpeg:quality_75/uniform/fooling rate"])
    assert set(rate) == {"", "low", "high", "count", "of"}
    assert rate["of"] == 12
    assert rate[""] == rate["count"] / 12


def test_runs_are_compared_by_their_undefended_rates(tmp_path: Path) -> None:
    figures = read_contents(RUNS["defend"](tmp_path)).figures
    assert {name.split("/")[2] for name in figures if name.startswith("rates/")} > {"none"}
    assert {name.split("/")[2] for name in headline(figures)} == {"none"}
    assert "rates/universal/none/uniform/accuracy" in headline(figures)


@pytest.mark.parametrize("command", RUNS)
def test_each_command_gives_settings_figures_tables_and_the_perturbation(command: str, tmp_path: Path) -> None:
    contents = read_contents(RUNS[command](tmp_path))
    assert contents.command == command
    assert contents.settings
    assert contents.figures
    assert contents.tables
    assert contents.files["perturbation.safetensors"].read_bytes() == PERTURBATION
    assert contents.summary
    assert contents.notes == ()


def test_settings_that_were_left_open_are_not_exported(tmp_path: Path) -> None:
    contents = read_contents(RUNS["generate"](tmp_path))
    assert contents.settings == {"videos": "videos/", "epsilon": "8/255", "sampler": '["uniform"]'}


def test_a_perturbation_file_that_is_gone_is_said(tmp_path: Path) -> None:
    run = RUNS["generate"](tmp_path)
    (tmp_path / "r.safetensors").unlink()
    contents = read_contents(run)
    assert "perturbation.safetensors" not in contents.files
    assert "r.safetensors is not there any more" in contents.notes[0]


def test_damaged_events_are_counted(tmp_path: Path) -> None:
    run = RUNS["generate"](tmp_path)
    with (run / "events.jsonl").open("ab") as file:
        file.write(b"{broken\n")
    contents = read_contents(run)
    assert contents.notes == ("1 lines of events.jsonl are damaged and left out of the curves",)
    assert contents.curves["learning/loss"]


def test_pictures_are_the_runs_own(tmp_path: Path) -> None:
    run = RUNS["generate"](tmp_path)
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"no picture of the run")
    (run / "pictures/slots/link.png").symlink_to(outside)
    assert set(read_contents(run).pictures) == {"pictures/slots/00.png"}


def test_films_of_previews_are_files_of_the_run(tmp_path: Path) -> None:
    run = RUNS["apply"](tmp_path)
    film = run / "preview" / "0" / "comparison.mp4"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"film")
    assert read_contents(run).files["preview/0/comparison.mp4"] == film


@pytest.mark.parametrize(
    ("change", "sentence"), [({"command": "demo"}, "several runs"), ({"status": "failed"}, "failed")]
)
def test_other_runs_are_refused_with_what_would_work(change: dict[str, str], sentence: str, tmp_path: Path) -> None:
    run = RUNS["generate"](tmp_path)
    about = read_facts_document(run).value
    assert about is not None
    write_document(run / RUN_FILE, replace(about, **change))
    with pytest.raises(LsapError, match=sentence):
        read_contents(run)


def test_names_have_only_characters_that_every_tracker_takes() -> None:
    assert metric_name("rates", "A2 (jpeg)", "jpeg:quality=75", "x/y") == "rates/A2 _jpeg_/jpeg:quality_75/x_y"
    assert metric_name("a", "..", "") == "a/_/_"
    assert len(metric_name("a", "b" * 300)) == LONGEST
    assert metric_name("a", "b" * 300) != metric_name("a", "b" * 301)


def test_two_names_that_become_equal_stay_apart() -> None:
    names = UniqueNames()
    assert [names(["a=b"]), names(["a_b"]), names(["a=b"])] == ["a_b", "a_b_2", "a_b"]
