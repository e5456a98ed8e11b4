"""`lsap study` as a job on a tiny network: tables, folds, failures; a stopped study ends as if it had not been."""

import csv
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from defenses.compression import Jpeg
from defenses.detectors import DetectorVideo
from defenses.detectors.squeezing import FeatureSqueezing
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.detection import DetectorInput
from lsap_cli.jobs.study import estimate_grid, fill_grid
from lsap_cli.reports.study_page import write_study_report
from lsap_cli.results.base import or_none
from lsap_cli.results.events import CellEvent, Event, WarningEvent
from lsap_cli.results.results_file import read_results
from lsap_cli.results.study import StudyResults
from lsap_cli.runs import Run
from lsap_cli.runs.worker_run import WorkerRun
from lsap_cli.study.settings import StudySettings
from lsap_cli.study.study_file import read_study
from perturbations import Perturbation
from tests.classifiers.cards import write_card
from tests.learning.tiny_world import FACTORY, LABELS, write_world

GRID = """
[study]
title = "Tiny"
videos = "videos"
folds = 3
batch = 2

[grid]
model = ["card/model.toml"]
attack = ["fgsm", "ifgsm"]
goal = ["untargeted", "target:left"]
budget = ["linf 64/255"]
steps = [2]
seed = [0, 1]
"""
TABLE = """
[[table]]
name = "overall"
rows = ["attack"]
columns = ["goal"]
measures = ["P-l2", "P-linf", "MAP", "SR", "FR", "ACC", "seconds"]
"""
SMALL = GRID.replace('attack = ["fgsm", "ifgsm"]\ngoal = ["untargeted", "target:left"]\n', "").replace(
    "seed = [0, 1]\n", ""
)
BY_DEFENSE = '[[table]]\nname = "by-defense"\nrows = ["defense"]\nmeasures = ["FR", "ACC"]\n'
TIMES = ("learn_seconds", "judge_seconds")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    write_world(root)
    card = write_card(
        root / "broken", name="broken", factory="factory.py:build_not_finite", input__frames=4, input__size=[8, 8],
        input__resize=[8, 8],
    )  # fmt: skip
    (card.parent / "factory.py").write_text(FACTORY)
    (card.parent / "labels.txt").write_text("\n".join(LABELS))
    return root


def study(
    world: Path,
    folder: Path,
    text: str = GRID + TABLE,
    listener: Callable[[Event], None] = lambda _: None,
    resume: bool = False,
    workers: int = 1,
) -> StudyResults:
    path = world / f"{folder.name}.toml"
    path.write_text(text, encoding="utf-8")
    settings = StudySettings(str(path), device="cpu", workers=workers)
    with Run(folder, "study", {}, [listener], resume) as run:
        results = fill_grid(read_study(str(path)), settings, run)
    write_study_report(folder)
    return results


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()]


def timeless(folder: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in one.items() if key not in TIMES} for one in records(folder)]


@pytest.fixture(scope="module")
def whole(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyResults]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, study(world, folder)


def wilson(count: int, of: int, things: int) -> tuple[float, float]:
    """By its own formula: the roots of (share - p)^2 = z^2 p (1 - p) / n."""
    z, share = statistics.NormalDist().inv_cdf(0.975), count / of
    a, b, c = 1 + z * z / things, -(2 * share + z * z / things), share * share
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_every_figure_of_a_table_is_recomputed_from_the_records(whole: tuple[Path, StudyResults]) -> None:
    folder, results = whole
    (table,) = [one for one in results.tables if one.name == "overall"]
    found = records(folder)
    checked = 0
    for entry in table.entries:
        own = [
            one
            for one in found
            if (one["axes"]["attack"], one["axes"]["goal"]) == (entry.row[0], entry.column[0])
            and one["added"] == "perturbed"
        ]
        assert {one["cell"] for one in own} == set(entry.cells)
        key = {"FR": "changed", "ACC": "correct", "SR": "hit"}.get(entry.measure)
        if key is not None:
            outcomes = [one[key] for one in own if one.get(key) is not None]
            if not outcomes:
                assert entry.rate is None
                assert "no target" in entry.missing
                continue
            assert entry.rate is not None
            assert (entry.rate.count, entry.rate.of) == (sum(outcomes), len(outcomes))
            videos = len({one["video"] for one in own if one.get(key) is not None})
            low, high = wilson(sum(outcomes), len(outcomes), videos)
            assert (entry.rate.low, entry.rate.high) == pytest.approx((low, high), abs=1e-9)
        elif entry.measure == "seconds":
            cells = {one["cell"]: one["learn_seconds"] for one in own}
            assert entry.value == pytest.approx(statistics.mean(cells.values()))
        else:
            expected = {
                "MAP": statistics.mean(one["map"] for one in own),
                "P-linf": max(one["linf"] for one in own) / 255,
                "P-l2": statistics.mean(one["l2_rms"] / 255 * math.sqrt(one["elements"]) for one in own),
            }[entry.measure]
            assert entry.value == pytest.approx(expected)
            assert expected > 0
        checked += 1
    assert checked == 4 * 7 - 2
    assert read_results(folder / "results.json").value == results


def test_each_video_is_judged_once_by_a_perturbation_that_saw_neither_it_nor_its_recording(
    whole: tuple[Path, StudyResults],
) -> None:
    folder, results = whole
    points = defaultdict(list)
    for one in records(folder):
        if one["added"] == "perturbed":
            points[tuple(one["axes"].values())].append(one["video"])
    assert len(points) == 8
    assert all(sorted(videos) == sorted(set(videos)) and len(videos) == 6 for videos in points.values())
    patterns = {path.stem: Perturbation.load(path) for path in (folder / "patterns").glob("*.safetensors")}
    assert len(patterns) == 8 * 3
    kept = [json.loads(path.read_bytes()) for path in (folder / "cells").glob("*.json")]
    assert len(kept) == len(results.cells) == 24
    for one in kept:
        learned = {(video["name"], video["group"]) for video in patterns[one["pattern"]].record["videos"]}
        judged = {(outcome["video"], outcome["recording"]) for outcome in one["outcomes"]}
        assert len(learned) == 4
        assert not {name for name, _ in learned} & {name for name, _ in judged}
        assert not {group for _, group in learned} & {group for _, group in judged}


def test_clean_videos_and_noise_of_equal_size_stand_beside_the_perturbation(whole: tuple[Path, StudyResults]) -> None:
    folder, results = whole
    by_place: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for one in records(folder):
        by_place[one["cell"], one["video"]][one["added"]] = one
    for added in by_place.values():
        assert set(added) == {"none", "noise", "perturbed"}
        assert not added["none"]["changed"]
        assert added["noise"]["l2_rms"] == pytest.approx(added["perturbed"]["l2_rms"], rel=0.1)
    controls = [one for one in results.tables if one.name == "overall-controls"]
    assert [one.measures for one in controls] == [("clean ACC", "noise FR", "noise ACC")]


@pytest.mark.parametrize("moment", [1, 9, 23])
def test_a_study_that_was_stopped_and_resumed_has_the_same_tables(
    world: Path, whole: tuple[Path, StudyResults], tmp_path: Path, moment: int
) -> None:
    done = 0

    def stop(event: Event) -> None:
        nonlocal done
        done += isinstance(event, CellEvent)
        if done >= moment:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        study(world, folder, listener=stop)
    events: list[Event] = []
    study(world, folder, listener=events.append, resume=True)
    assert len([event for event in events if isinstance(event, CellEvent)]) == 24 - moment
    assert timeless(folder) == timeless(whole[0])
    assert "seconds" in (folder / "tables" / "overall.csv").read_text(encoding="utf-8")
    without_seconds = [line[:-1] for line in csv.reader((folder / "tables" / "overall.csv").open(encoding="utf-8"))]
    expected = [line[:-1] for line in csv.reader((whole[0] / "tables" / "overall.csv").open(encoding="utf-8"))]
    assert [line[:7] for line in without_seconds] == [line[:7] for line in expected]
    for suffix in ("csv", "md", "tex"):
        name = f"overall-controls.{suffix}"
        assert (folder / "tables" / name).read_bytes() == (whole[0] / "tables" / name).read_bytes()


def test_finished_cells_are_not_done_again_and_a_larger_grid_does_its_own_alone(
    world: Path, whole: tuple[Path, StudyResults]
) -> None:
    events: list[Event] = []
    before = timeless(whole[0])
    study(world, whole[0], listener=events.append, resume=True)
    assert not [event for event in events if isinstance(event, CellEvent)]
    larger = (GRID + TABLE).replace('["fgsm", "ifgsm"]', '["fgsm", "ifgsm", "cw"]')
    results = study(world, whole[0], larger, events.append, resume=True)
    assert len([event for event in events if isinstance(event, CellEvent)]) == len(results.cells) - 24 == 12
    assert [one for one in timeless(whole[0]) if one["axes"]["attack"] != "cw"] == before
    study(world, whole[0], resume=True)


def test_a_cell_that_fails_is_told_its_hole_says_why_and_it_is_done_again(world: Path, tmp_path: Path) -> None:
    text = (GRID + TABLE).replace('["card/model.toml"]', '["card/model.toml", "broken/model.toml"]')
    text = text.replace('columns = ["goal"]', 'columns = ["goal", "model"]').replace("seed = [0, 1]\n", "")
    events: list[Event] = []
    results = study(world, tmp_path / "run", text, events.append)
    assert (results.count("done"), results.count("failed")) == (12, 12)
    told = [event for event in events if isinstance(event, CellEvent) and event.failed]
    assert len(told) == 12
    assert all("not finite" in event.reason for event in told)
    (table,) = [one for one in results.tables if one.name == "overall"]
    holes = [one for one in table.entries if one.missing and one.measure == "FR"]
    assert len(holes) == 4
    assert all("3 of 3 cells failed: fold 1, seed 0: " in one.missing and "not finite" in one.missing for one in holes)
    markdown = (tmp_path / "run" / "tables" / "overall.md").read_text(encoding="utf-8")
    assert "– [1]" in markdown
    assert "not finite" in markdown
    assert "12 cells failed" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    again: list[Event] = []
    study(world, tmp_path / "run", text, again.append, resume=True)
    assert len([event for event in again if isinstance(event, CellEvent)]) == 12  # the failed ones alone


def test_a_fault_in_one_cell_ends_that_cell_alone(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Jpeg, *_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(Jpeg, "defend_levels", broken)
    results = study(world, tmp_path / "run", SMALL + 'defense = ["none", "bit-depth:bits=4", "jpeg"]\n' + BY_DEFENSE)
    assert {one.axes["defense"]: one.status for one in results.cells} == {
        "none": "done", "bit-depth:bits=4": "done", "jpeg": "failed",
    }  # fmt: skip
    assert all("RuntimeError: planted" in one.reason for one in results.cells if one.status == "failed")
    monkeypatch.undo()
    events: list[Event] = []
    text = SMALL + 'defense = ["none", "bit-depth:bits=4", "jpeg"]\n' + BY_DEFENSE
    results = study(world, tmp_path / "run", text, events.append, resume=True)
    assert results.count("done") == len(results.cells)
    assert len([event for event in events if isinstance(event, CellEvent)]) == 3
    (table,) = [one for one in results.tables if one.name == "by-defense"]
    assert not [one for one in table.entries if one.missing]


def test_frames_files_and_samplers_are_judged_in_one_pass(world: Path, tmp_path: Path) -> None:
    text = SMALL + (
        'frames = ["all", "begin:frames=2"]\nfile = ["none", "ffv1"]\n'
        'judged_sampler = ["own", "dense:stride=1"]\n[[table]]\nname = "t"\nrows = ["frames", "file"]\n'
        'columns = ["judged_sampler"]\nmeasures = ["MAP", "P-linf", "FR"]\n'
    )
    results = study(world, tmp_path / "run", text)
    assert results.count("done") == len(results.cells) == 8 * 3
    assert len(list((tmp_path / "run" / "patterns").iterdir())) == 3
    assert not list((tmp_path / "run" / "files").iterdir())
    (tmp_path / "run" / "files" / "left-by-a-killed-process").mkdir()
    study(world, tmp_path / "run", text, resume=True)
    assert not (tmp_path / "run" / "files").exists()
    (table,) = [one for one in results.tables if one.name == "t"]
    values = {(one.row, one.measure): one for one in table.entries if one.column == ("own",)}
    for frames in ("all", "begin:frames=2"):  # a lossless file is judged as frames in memory are
        for measure in table.measures:
            in_memory, in_file = values[(frames, "none"), measure], values[(frames, "ffv1"), measure]
            assert (in_memory.value, in_memory.rate) == (in_file.value, in_file.rate)
    whole, part = values[("all", "none"), "MAP"].value, values[("begin:frames=2", "none"), "MAP"].value
    assert whole is not None
    assert part is not None
    assert 0 < part < whole


def test_each_video_can_have_a_pattern_of_its_own(world: Path, tmp_path: Path) -> None:
    results = study(world, tmp_path / "run", SMALL + 'from = ["one-video", "any"]\n')
    assert results.count("done") == len(results.cells) == 6
    own = [one for one in results.cells if one.axes["from"] == "one-video"]
    assert [one.steps for one in own] == [2 * one.videos for one in own]
    assert len(list((tmp_path / "run" / "patterns").iterdir())) == 6 + 3


def test_a_pattern_can_be_learned_on_several_networks_and_judged_on_one_that_took_no_part(
    world: Path, tmp_path: Path
) -> None:
    for name, size in (("wide", [8, 12]), ("other", [6, 6])):
        card = write_card(
            world / name, name=name, input__frames=3, input__size=size, input__resize=size
        )  # fmt: skip
        (card.parent / "factory.py").write_text(FACTORY.replace("manual_seed(0)", f"manual_seed({len(name)})"))
        (card.parent / "labels.txt").write_text("\n".join(LABELS[::-1]))
    text = SMALL.replace(
        '["card/model.toml"]', '[["card/model.toml", "wide/model.toml"]]\nvictim = ["other/model.toml"]'
    )
    results = study(world, tmp_path / "run", text + 'combine = ["mean", "max"]\n')
    assert results.count("done") == len(results.cells) == 6, [one.reason for one in results.cells]
    assert {(one.axes["model"], one.axes["victim"]) for one in results.cells} == {("small & wide", "other")}
    for path in (tmp_path / "run" / "patterns").iterdir():
        pattern = Perturbation.load(path)
        assert tuple(pattern.delta.shape[2:]) == (8, 12)
        assert [one["name"] for one in pattern.record["surrogates"]] == ["small", "wide"]
        assert bool(pattern.delta.any())


def test_detectors_have_one_figure_over_all_folds(world: Path, tmp_path: Path) -> None:
    text = (
        SMALL + 'detector = ["feature-squeezing"]\n[[table]]\nname = "d"\nrows = ["attack"]\nmeasures = ["AUC", "F1"]\n'
    )
    results = study(world, tmp_path / "run", text.replace("[grid]\n", '[grid]\nattack = ["lsap"]\n'))
    (detector,) = results.detectors
    assert (detector.figures.clean_videos, detector.figures.attacked_videos) == (6, 6)
    scores = defaultdict(list)
    for one in records(tmp_path / "run"):
        scores[one["added"]].append(one["score"])
    pairs = [(a > b) + (a == b) / 2 for a in scores["perturbed"] for b in scores["none"]]
    (table,) = [one for one in results.tables if one.name == "d"]
    (auc,) = [one for one in table.entries if one.measure == "AUC"]
    assert auc.value == pytest.approx(statistics.mean(pairs))
    assert "ROC of the detectors" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_process_scores_a_clean_video_once_for_all_cells_of_a_detector(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[tuple[str, str]] = []
    evidence = FeatureSqueezing.evidence

    def counted(self: FeatureSqueezing, video: DetectorVideo) -> Tensor:
        assert isinstance(video, DetectorInput)
        examined.append((type(video.source).__name__, str(video.video.name)))
        return evidence(self, video)

    monkeypatch.setattr(FeatureSqueezing, "evidence", counted)
    text = SMALL.replace("[grid]\n", '[grid]\nattack = ["fgsm", "lsap"]\ndetector = ["feature-squeezing"]\n')
    results = study(world, tmp_path / "run", text)
    assert results.count("done") == 6
    clean = [name for kind, name in examined if kind == "Unperturbed"]
    assert len(clean) == len(set(clean)) == 6
    assert len(examined) == 6 + 2 * 2 * 6
    assert all(one["score"] is not None for one in records(tmp_path / "run"))


@pytest.mark.slow
def test_a_ladder_learns_on_the_other_folds_and_its_rungs_are_over_all_videos(world: Path, tmp_path: Path) -> None:
    text = (
        SMALL.replace("batch = 2", "batch = 2\nladder_steps = 2")
        + 'defense = ["bit-depth:bits=4"]\nladder = ["full"]\n'
    )
    text += '[[table]]\nname = "l"\nrows = ["defense"]\nmeasures = ["clean ACC", "A0", "A1", "robust ACC"]\n'
    results = study(world, tmp_path / "run", text)
    assert results.count("done") == len(results.cells) == 3, [one.reason for one in results.cells]
    (table,) = [one for one in results.tables if one.name == "l"]
    rates = {one.measure: one.rate for one in table.entries}
    assert all(rate is not None and rate.of == 6 for rate in rates.values())
    by_video = defaultdict(list)
    for one in records(tmp_path / "run"):
        if one.get("rung"):
            by_video[one["video"]].append(one["correct"])
    assert rates["robust ACC"] is not None
    assert rates["robust ACC"].count == sum(all(every) for every in by_video.values())


@pytest.mark.slow
def test_two_workers_find_what_one_does(world: Path, whole: tuple[Path, StudyResults], tmp_path: Path) -> None:
    study(world, tmp_path / "run", workers=2)
    assert timeless(tmp_path / "run") == timeless(whole[0])


def test_a_word_for_a_value_that_no_cell_has_is_told(world: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    study(world, tmp_path / "run", SMALL + '[names]\nlsap = "LSAP"\nlsaq = "?"\n', events.append)
    told = [event.message for event in events if isinstance(event, WarningEvent)]
    assert len(told) == 1
    assert "[names] lsaq: no cell has this value; did you mean lsap?" in told[0]


def test_two_ways_to_write_one_point_are_counted_once(world: Path, tmp_path: Path) -> None:
    text = SMALL + 'goal = ["target", "target:right"]\n[[table]]\nname = "g"\nrows = ["goal"]\nmeasures = ["FR"]\n'
    results = study(world, tmp_path / "run", text.replace("folds = 3", "folds = 3\nseed = 1"))
    (table,) = [one for one in results.tables if one.name == "g"]
    drawn = [one.rate.of for one in table.entries if one.rate is not None]
    assert len(results.cells) == 3 * len(drawn)
    assert set(drawn) == {6}


def test_an_estimate_lists_the_cells_and_writes_nothing(world: Path, tmp_path: Path) -> None:
    path = world / "estimate.toml"
    path.write_text(GRID + TABLE, encoding="utf-8")
    folder = tmp_path / "run"
    settings = StudySettings(str(path), device="cpu")
    found = estimate_grid(read_study(str(path)), settings, folder, WorkerRun(folder, lambda _: None))
    assert found.count("missing") == len(found.cells) == 24
    assert found.estimate_seconds is not None
    assert found.estimate_seconds > 0
    assert found.estimate_seconds == pytest.approx(
        sum(or_none(one.expected_seconds) or 0.0 for one in found.cells), abs=2
    )
    assert "a probe of 4 steps" in found.estimate_from
    assert not folder.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("folds = 3", "folds = 7"), r"\[study\] folds: 6 videos of 6 recording\(s\) cannot make 7 folds"),
        (("target:left", "target:lefd"), r"\[grid\] goal: 'lefd' is no label of small; did you mean left"),
        (('"fgsm"', '"uap:candidates=0"'), r"\[grid\]: the attack 'uap:candidates=0': candidates is 0"),
        (('"fgsm"', '"append"'), r"\[grid\]: attack = append: append shows whole frames, .* --epsilon 1"),
        (("card/model", "nowhere/model"), r"\[grid\] model: the model '.*nowhere/model.toml' is neither a model card"),
        (('videos = "videos"', 'title = "t"'), "videos: there is none; add it, or give --videos"),
        (('videos = "videos"', 'videos = "nowhere"'), r"\[study\]: nowhere does not exist"),
        (("steps = [2]", 'steps = [2]\nbinding = "slot:4"'), r"\[grid\]: binding = slot:4 is of clips"),
        (("steps = [2]", 'steps = [2]\nbinding = "append:2"\nframes = "begin:frames=2"'), r"binding appends frames"),
        (("steps = [2]", 'steps = [2]\nthrough = "perturbation-subtraction"'), r"\[grid\]: through perturbation-sub"),
        (
            ("steps = [2]", 'steps = [2]\nfrom = "one-video"\ndefense = "perturbation-subtraction"'),
            r"\[grid\]: defense = perturbation-subtraction is fitted on the other videos",
        ),
    ],
)
def test_what_the_set_or_a_network_refuses_is_refused_before_any_cell(
    world: Path, tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    text = (GRID + TABLE).replace('title = "Tiny"\n', "")
    with pytest.raises(LsapError, match=sentence) as raised:
        study(world, tmp_path / "run", text.replace(*change))
    assert "run.toml" in str(raised.value)
    assert not list(tmp_path.glob("run/cells/*"))
