"""Every table of a study over many axes follows from its records by the rules of docs/study.md, in JSON and in CSV."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.jobs.study import fill_grid
from lsap_cli.reports.study_page import write_study_report
from lsap_cli.runs import Run
from lsap_cli.study.measures import MEASURES
from lsap_cli.study.settings import StudySettings
from lsap_cli.study.study_file import read_study
from tests.classifiers.cards import write_card
from tests.learning.tiny_world import FACTORY, LABELS, write_world
from tests.study.recomputed import figure_of

COMMON = 'budget = "linf 64/255"\nsteps = 2\n'
RATES = '"MAP", "P-l2", "P-linf", "SR", "FR", "ACC", "stealth", "seconds", "ms a step"'
STUDY = f"""
[study]
videos = "videos"
folds = 2
batch = 2
ladder_steps = 1

[[grid]]
name = "goals"
model = "card/model.toml"
{COMMON}attack = ["fgsm", "ifgsm"]
goal = ["untargeted", "target:left", "target:right", "only:left"]
seed = [0, 1]

[[grid]]
name = "files"
model = "card/model.toml"
{COMMON}frames = ["all", "begin:frames=3"]
file = ["none", "ffv1"]
defense = ["none", "bit-depth:bits=3"]
judged_sampler = ["own", "dense:stride=1"]

[[grid]]
name = "own"
model = "card/model.toml"
{COMMON}from = ["one-video", "any"]

[[grid]]
name = "transfer"
model = ["card/model.toml", ["card/model.toml", "other/model.toml"]]
victim = ["third/model.toml", "demo"]
{COMMON}combine = "max"

[[grid]]
name = "detector"
model = "card/model.toml"
{COMMON}detector = "feature-squeezing"
seed = [0, 1]

[[grid]]
name = "ladder"
model = "card/model.toml"
{COMMON}defense = "bit-depth:bits=3"
ladder = "full"

[[table]]
name = "goals"
grid = "goals"
rows = ["attack"]
columns = ["goal"]
measures = [{RATES}]

[[table]]
name = "controls"
grid = "goals"
where = {{attack = "fgsm"}}
rows = "goal"
measures = ["clean ACC", "clean FR", "noise SR", "noise FR", "noise ACC"]

[[table]]
name = "files"
grid = "files"
rows = ["defense", "judged_sampler"]
columns = ["frames", "file"]
measures = [{RATES}, "clean FR"]

[[table]]
name = "own"
grid = "own"
rows = "from"
measures = [{RATES}]

[[table]]
name = "transfer"
grid = "transfer"
rows = "model"
columns = "victim"
measures = [{RATES}]

[[table]]
name = "detector"
grid = "detector"
rows = "detector"
measures = ["FR", "AUC", "precision", "recall", "false alarms", "F1"]

[[table]]
name = "ladder"
grid = "ladder"
rows = "defense"
measures = ["clean ACC", "A0", "A1", "A2", "A3", "A4", "A5", "robust ACC"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    write_world(root)
    for name, size in (("other", [8, 12]), ("third", [6, 6])):
        card = write_card(root / name, name=name, input__frames=3, input__size=size, input__resize=size)
        (card.parent / "factory.py").write_text(FACTORY.replace("manual_seed(0)", f"manual_seed({len(name)})"))
        (card.parent / "labels.txt").write_text("\n".join(LABELS[::-1]))
    path = root / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    with Run(root / "run", "study", {}, []) as run:
        results = fill_grid(read_study(str(path)), StudySettings(str(path), device="cpu"), run)
    assert results.count("done") == len(results.cells), {one.reason for one in results.cells}
    write_study_report(root / "run")
    return root / "run"


def documents(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    return json.loads((folder / "results.json").read_text(encoding="utf-8")), [json.loads(line) for line in lines]


@pytest.mark.slow
def test_every_figure_of_every_table_follows_from_the_records(folder: Path) -> None:
    results, lines = documents(folder)
    measures = set()
    for table in results["tables"]:
        places = table["rows"], table["columns"]
        with (folder / "tables" / f"{table['name']}.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        written = {
            (tuple(row[: len(table["rows"])]), name): cell
            for row in rows
            for name, cell in zip(header, row, strict=True)
        }
        for entry in table["entries"]:
            place = dict(zip(places[0], entry["row"], strict=True)) | dict(zip(places[1], entry["column"], strict=True))
            chosen = [one for one in lines if one["cell"] in entry["cells"]]
            assert all(one["axes"][axis] == value for one in chosen for axis, value in place.items())
            figure = figure_of(entry["measure"], chosen)
            where = (table["name"], place, entry["measure"])
            column = ", ".join(entry["column"])
            name = f"{column}: {entry['measure']}" if column else entry["measure"]
            row = tuple(entry["row"])
            if figure is None:
                assert entry["missing"], where
                assert written[row, name].startswith("–"), where
                continue
            measures.add(entry["measure"])
            found = entry["rate"] or entry
            assert not entry["missing"], where
            assert found["value"] == pytest.approx(figure.value), where
            assert float(written[row, name]) == pytest.approx(figure.value), where
            assert entry.get("seed_deviation") == pytest.approx(figure.deviation), where
            if figure.deviation is not None:
                assert float(written[row, f"{name} deviation"]) == pytest.approx(figure.deviation), where
            if figure.count is not None:
                assert (found["count"], found["of"]) == (figure.count, figure.of), where
                assert (found["low"], found["high"]) == pytest.approx((figure.low, figure.high)), where
                for end in ("count", "of", "low", "high"):
                    assert float(written[row, f"{name} {end}"]) == pytest.approx(found[end]), where
    assert {*MEASURES} - measures <= {"A2", "A3", "A4", "A5"}  # rungs that this defense may not have
