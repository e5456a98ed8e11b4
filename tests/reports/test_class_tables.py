"""Tables by class on the page and as files."""

import csv
from pathlib import Path

from lsap_cli.reports.class_tables import SHOWN, class_grids
from lsap_cli.reports.html import write_report
from lsap_cli.results.files import encode_line
from lsap_cli.results.records import Record
from tests.reports.fake_run import make_results, write_run


def test_the_page_has_both_tables_with_counts_and_intervals(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", videos=24)
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="classes"' in page
    assert 'id="taken-for"' in page
    assert "594 of the network&#39;s 600 classes have no video here." in page
    with (run / "tables" / "classes.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["class"] for line in lines} == {
        "archery", "arm_wrestling", "clean_and_jerk", "golf_driving", "tai_chi", "yoga",
    }  # fmt: skip
    assert all(line["accuracy, perturbed of"] == "4" for line in lines)


def test_the_class_that_loses_most_comes_first() -> None:
    results, records = make_results(videos=60)
    classes = class_grids(results, records)[0]
    right = [[int(cell.split("(")[1].split("/")[0]) for cell in (line[2], line[4])] for line in classes.lines]
    lost = [clean - perturbed for clean, perturbed in right]
    assert lost == sorted(lost, reverse=True)


def test_with_many_classes_the_page_says_what_it_leaves_out_and_the_file_has_all(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", videos=24)
    results, _ = make_results(videos=24)
    many = [
        Record(
            video=f"{number}.mp4", label=f"class {number}", attack=attack, defense="none", sampler="uniform",
            prediction=f"class {number if attack == 'none' else number + 1}", clean_prediction=f"class {number}",
            correct=attack == "none", changed=attack != "none",
        )
        for number in range(SHOWN + 15) for attack in ("none", "universal")
    ]  # fmt: skip
    (run / "records.jsonl").write_bytes(b"".join(map(encode_line, many)))
    page = write_report(run).read_text(encoding="utf-8")
    grids = class_grids(results, many)
    assert [len(grid.lines) for grid in grids] == [SHOWN + 15, SHOWN + 15]
    assert [len(grid.page_lines) for grid in grids] == [SHOWN, SHOWN]
    assert f"15 further lines of {SHOWN + 15} are not shown here: tables/classes.csv has all." in page
    assert (run / "tables" / "classes.csv").read_text(encoding="utf-8").count("\n") == SHOWN + 16


def test_without_records_there_is_no_such_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "records.jsonl").unlink()
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="classes"' not in page


def test_without_labels_classes_are_clean_predictions() -> None:
    results, records = make_results(videos=24, labelled=False)
    classes, pairs = class_grids(results, records)
    assert "clean prediction" in classes.note
    assert classes.header == (
        "class",
        "videos",
        "fooling rate, noise",
        "fooling rate, perturbed",
        "most often taken for, perturbed",
    )
    assert pairs.header[:2] == ("class", "taken for")
