"""Detectors and net rates in a report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from lsap_cli.reports.html import write_report
from lsap_cli.reports.plots import roc_plots
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.documents import DefendResults
from tests.reports.fake_run import HOSTILE, write_run
from tests.result_objects import rate_object


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.05}


def detector_row(detector: str, attack: str, area: float) -> dict[str, Any]:
    point = {
        "recall": rate_object(9, 12),
        "true_positive_rate": rate_object(9, 12),
        "false_positive_rate": rate_object(1, 12),
        "precision": rate_object(9, 10),
        "f1": figure(0.81),
    }
    return {
        "detector": detector,
        "attack": attack,
        "clean_videos": 12,
        "attacked_videos": 12,
        "auc": figure(area),
        "average_precision": figure(0.88),
        "tpr_at_fpr": {"0.01": figure(0.34), "0.05": figure(0.56)},
        "operating_point": {"false_alarms_wanted": 0.05, "thresholds": [0.4], **point},
        "fixed_points": [{"name": "sparse", "threshold": 0.175, **point}],
        "curve": {"false_positive_rate": [0.0, 0.0, 0.5, 1.0], "true_positive_rate": [0.0, 0.7, 0.9, 1.0]},
        "milliseconds_per_video": 12.3,
    }


def page_of(run: Path, **added: Any) -> str:
    results = json.loads((run / "results.json").read_text(encoding="utf-8")) | added
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return write_report(run).read_text(encoding="utf-8")


def test_detectors_are_shown_with_figures_and_intervals(tmp_path: Path) -> None:
    rows = [detector_row("corpus-residual", "universal", 0.93), detector_row(HOSTILE, "noise", 0.52)]
    page = page_of(write_run(tmp_path / "run"), detectors=rows)
    for shown in ("corpus-residual", "0.93", "0.83–0.98", "0.34", "0.56", "9/12", "sparse, 0.175", "0.71–0.86"):
        assert shown in page, shown
    assert page.count("<svg") == 1 + 2
    assert "<script>" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_without_detectors_there_is_no_section(tmp_path: Path) -> None:
    assert 'id="detectors"' not in page_of(write_run(tmp_path / "run"))


def test_every_attack_has_its_plot_and_every_detector_its_line() -> None:
    rows = [detector_row(one, attack, 0.9) for attack in ("noise", "r") for one in ("a", "b", "c")]
    plots = roc_plots(DefendResults(rows=(), detectors=tuple(convert(row, DetectorRow) for row in rows)))
    assert [plot.attack for plot in plots] == ["noise", "r"]
    assert [name for name, _ in plots[0].lines] == ["a", "b", "c"]
    assert len({look.color for _, look in plots[0].lines}) == 3
    assert roc_plots(DefendResults(rows=())) == []


@pytest.mark.parametrize("draws", [1, 5])
def test_net_rates_are_shown_where_defenses_were_drawn(tmp_path: Path, draws: int) -> None:
    run = write_run(tmp_path / "run")
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for row in results["rows"]:
        if row["attack"] != "none":
            row["net_fooling_rate"] = {"value": 0.4321, "low": 0.1, "high": 0.6, "draws": draws}
    page = page_of(run, rows=results["rows"])
    assert ("net fooling" in page) == (draws > 1)
    assert ("0.43</b> <small><span>0.10–0.60" in page) == (draws > 1)


def test_natural_robustness_is_shown_where_it_was_measured(tmp_path: Path) -> None:
    natural = {
        "clean": rate_object(10, 12),
        "kinds": {"jpeg": [rate_object(count, 12) for count in (9, 8, 7, 5, 2)]},
        "l2_rms": {"jpeg": [3.14, 4, 5, 6, 7.25]},
        "mpc": figure(0.517),
        "rpc": figure(0.62),
    }
    page = page_of(write_run(tmp_path / "run"), natural_robustness=natural)
    for shown in ('id="natural"', "<b>0.52</b>", "<b>0.62</b>", "2/12", "severity 5", "± 3.1<", "± 7.2<"):
        assert shown in page, shown
    assert 'id="natural"' not in page_of(write_run(tmp_path / "other"), natural_robustness=None)
