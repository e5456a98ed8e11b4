"""Tables as CSV, Markdown and LaTeX, from the same grid."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lsap_cli.errors import LsapError
from lsap_cli.reports.comparison import comparison_grid, write_comparison
from lsap_cli.reports.curves import curve_plots
from lsap_cli.reports.grid import Grid, as_csv, as_latex, as_markdown, figure_cell, write_grids
from lsap_cli.reports.grids import certificate_grid, grids, rates_grid
from lsap_cli.reports.hardening import hardening_attackers_grid
from lsap_cli.reports.html import write_report
from lsap_cli.reports.tables import check_lines, detector_ladder_table
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import write_document
from lsap_cli.results.ladders import (
    BudgetPoint,
    Check,
    DefenseLadder,
    DetectorLadder,
    DetectorRung,
    EvasionRow,
    LadderRung,
    WorstRung,
)
from lsap_cli.results.rates import Estimate, rate_of
from lsap_cli.results.robustness import CertificateRow
from lsap_cli.results.rows import DefenseGain, NetFoolingRate, Row
from lsap_cli.results.summary import summary_sentences
from tests.reports.fake_run import make_results, write_run
from tests.reports.test_hardening import results_of
from tests.result_objects import known

HOSTILE = Grid("x", "Title", "Note.", ("a|b", "50 %"), (("=1+1", 'say "x", y'), ("a_b & c", "0.50 (1/2, 0.1–0.9)")))


def row(name: str, attack: str, right: int) -> Row:
    return Row(
        attack=attack, rung=name, defense="jpeg:quality=75", sampler="uniform", videos=4, clean_accuracy=rate_of(4, 4),
        attacked_accuracy=rate_of(right, 4), fooling_rate=rate_of(4 - right, 4),
        net_fooling_rate=NetFoolingRate(value=0.5, low=0.25, high=0.75),
    )  # fmt: skip


@pytest.mark.parametrize(("views", "crops", "told"), [(1, 1, False), (None, None, False), (2, 1, True), (1, 3, False)])
def test_certificates_say_that_predictions_of_several_views_have_none(
    views: int | None, crops: int | None, told: bool
) -> None:
    results, _ = make_results()
    certificate = CertificateRow(smoothing="pixels", videos=4, needed_radius=0.1, largest_radius=0.2, vacuous=False)
    results = replace(
        results,
        certificates=(certificate,),
        protocol=replace(known(results.protocol), views=views, crops=crops),
    )
    assert ("average" in certificate_grid(results).note) is told


def rung(name: str, attack: str, right: int) -> LadderRung:
    return LadderRung(rung=name, attack=attack, rows=(row(name, attack, right),))


def adaptive_results(**more: Any) -> DefendResults:  # further fields
    results, _ = make_results()
    rungs = (rung("A0", "universal", 3), rung("A1", "A1 (jpeg)", 2), rung("A2", "A2 (jpeg)", 1), rung("A2", "one", 3))
    worst = rungs[2].rows[0]
    robust = WorstRung(
        sampler="uniform", rung="A2", attack="A2 (jpeg)", clean_accuracy=rate_of(4, 4),
        accuracy=worst.attacked_accuracy, fooling_rate=worst.fooling_rate, net_fooling_rate=worst.net_fooling_rate,
        right_under_every_rung=rate_of(1, 4),
    )  # fmt: skip
    checks = (
        Check(defense="jpeg:quality=75", name="fine", status="PASS", figure="4 of 4", sentence="Why."),
        Check(defense="jpeg:quality=75", name="no zero gradients", status="WARN", figure="4 of 4", sentence="Why."),
    )
    ladder = DefenseLadder(defense="jpeg:quality=75", rungs=rungs, robust=(robust,))
    rows = (*results.rows, *(one.rows[0] for one in rungs))
    return replace(results, rows=rows, ladder=(ladder,), checks=checks, **more)


def detector_ladder() -> DetectorLadder:
    area = Estimate(value=0.7, low=0.5, high=0.9)

    def evasion(attack: str, won: int) -> EvasionRow:
        return EvasionRow(
            attack=attack, detector="corpus-residual", sampler="uniform", videos=4, fooling_rate=rate_of(4, 4),
            flagged_rate=rate_of(4 - won, 4), false_alarms=rate_of(0, 4), evasion_rate=rate_of(won, 4),
            robust_rate=rate_of(4 - won, 4), auc=area, tpr_at_fpr={"0.01": area, "0.05": area},
        )  # fmt: skip

    rungs = tuple(
        DetectorRung(rung=name, attack=attack, rows=(evasion(attack, won),))
        for name, attack, won in (("A0", "universal", 1), ("A2", "A2 (below it)", 3), ("A4", "A4 (below it)", 2))
    )
    worst = replace(rungs[1].rows[0], rung="A2", held_under_every_rung=rate_of(0, 4))
    return DetectorLadder(detector="corpus-residual", rungs=rungs, noise=(evasion("noise", 0),), robust=(worst,))


def test_the_ladder_of_a_detector_shows_what_each_rung_wins_and_what_holds_against_the_best() -> None:
    results = adaptive_results(detector_ladder=(detector_ladder(),))
    ladder = next(grid for grid in grids(results) if grid.name == "detector-ladder")
    (line,) = ladder.lines
    cells = dict(zip(ladder.header, line, strict=True))
    wins = [cells[f"{name} wins"][:10] for name in ("noise", "A0", "A2", "A4")]
    assert wins == ["0.00 (0/4,", "0.25 (1/4,", "0.75 (3/4,", "0.50 (2/4,"]
    assert cells["A5 wins"] == "–"
    assert cells["holds against the best"].startswith("0.25 (1/4")
    assert "corpus-residual 1 of 4 (rung A2)" in " ".join(summary_sentences(results))


def test_the_ladder_of_a_detector_is_in_the_report_and_on_the_terminal(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    results = adaptive_results(detector_ladder=(detector_ladder(),))
    write_document(run / "results.json", results)
    assert 'id="detector-ladder"' in write_report(run).read_text(encoding="utf-8")
    table = detector_ladder_table(results)
    assert table is not None
    assert next(iter(table.columns[-1].cells)) == "A2"
    assert detector_ladder_table(adaptive_results()) is None


def test_csv_can_be_read_back_and_holds_no_formula() -> None:
    lines = list(csv.reader(io.StringIO(as_csv(HOSTILE))))
    assert lines == [["a|b", "50 %"], ["'=1+1", 'say "x", y'], ["a_b & c", "0.50 (1/2, 0.1–0.9)"]]


def test_markdown_keeps_its_columns_whatever_is_in_a_cell() -> None:
    lines = as_markdown(HOSTILE).splitlines()
    assert lines[0] == "## Title"
    assert lines[4] == r"| a\|b | 50 % |"
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines[4:])


def test_latex_escapes_what_it_reads_as_commands() -> None:
    text = as_latex(HOSTILE)
    assert r"a\_b \& c & 0.50 (1/2, 0.1--0.9) \\" in text
    assert r"50 \%" in text


def test_the_ladder_shows_the_strongest_attacker_of_each_rung_and_the_minimum() -> None:
    ladder = next(grid for grid in grids(adaptive_results()) if grid.name == "ladder")
    (line,) = ladder.lines
    cells = dict(zip(ladder.header, line, strict=True))
    assert cells["A0"].startswith("0.75 (3/4")
    assert cells["A2"].startswith("0.25 (1/4")
    assert cells["A3"] == "–"
    assert (cells["worst"], cells["by"]) == (cells["A2"], "A2 (jpeg)")


def test_checks_that_passed_share_a_line_and_warnings_stand_in_full() -> None:
    results = adaptive_results()
    (passed,) = [one for one in results.checks if one.status == "PASS"]
    (warned,) = [one for one in results.checks if one.status == "WARN"]
    results = replace(results, checks=[*results.checks, passed, replace(passed, name="another")])
    assert check_lines(results) == [
        f"WARN  {warned.defense}: {warned.name}: {warned.figure}",
        f"PASS  3 of 4 checks: {passed.name} (2), another",
    ]


def test_warnings_come_first_and_the_summary_counts_them() -> None:
    results = adaptive_results()
    assert [line.split()[0] for line in check_lines(results)] == ["WARN", "PASS"]
    text = " ".join(summary_sentences(results))
    assert "jpeg:quality=75 1 of 4 (rung A2)" in text
    assert "1 of 2 checks warn" in text


def test_clean_against_robust_accuracy_and_the_budget_curve_are_drawn() -> None:
    results = adaptive_results()
    assert [plot.grid for plot in curve_plots(results)] == ["ladder"]
    points = tuple(
        BudgetPoint(epsilon=epsilon, defense="none", attack="x", knows_defense=True, rows=(row("A2", "x", right),))
        for epsilon, right in (("2/255", 4), ("8/255", 1))
    )
    results = replace(results, budget_curve=points)
    plots = {plot.grid: plot for plot in curve_plots(results)}
    assert "2/255 1.00 (4/4" in plots["budget-curve"].description
    assert "robust 0.25 (1/4" in plots["ladder"].description
    assert all(plot.drawing.svg.startswith("<svg") and "http" not in plot.drawing.svg for plot in plots.values())


@pytest.mark.parametrize("epsilon", ["1e9", "1/0", "-1", "x"])
def test_a_budget_that_no_run_has_is_left_out_of_the_curve(epsilon: str) -> None:
    points = tuple(
        BudgetPoint(epsilon=one, defense="none", attack="x", knows_defense=True, rows=(row("A2", "x", 1),))
        for one in ("2/255", "8/255", epsilon)
    )
    plots = {plot.grid: plot for plot in curve_plots(replace(adaptive_results(), budget_curve=points))}
    assert epsilon not in plots["budget-curve"].description


def test_rungs_are_in_the_ladder_and_not_among_the_attacks_that_every_defense_met(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_document(run / "results.json", adaptive_results())
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="ladder"' in page
    assert "No attack of this run is adaptive" not in page
    assert page.count("A1 (jpeg)") == 0  # the rates of single rungs are in tables/rates.*
    assert "A1 (jpeg)" in (run / "tables" / "rates.csv").read_text(encoding="utf-8")


def test_a_run_without_a_ladder_has_the_table_of_rates_and_none_of_ladders(tmp_path: Path) -> None:
    results, _ = make_results()
    names = {grid.name for grid in grids(results)}
    assert "rates" in names
    assert not names & {"ladder", "detector-ladder", "checks", "budget-curve"}
    write_grids(tmp_path, grids(results))
    assert {"rates.csv", "rates.md", "rates.tex"} <= {path.name for path in (tmp_path / "tables").iterdir()}


def test_tables_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LsapError, match="is a link"):
        write_grids(tmp_path / "run", [HOSTILE])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_comparison_has_a_line_for_each_run_and_numbers_of_the_worst_in_columns() -> None:
    first, _ = make_results()
    grid = comparison_grid([("a", first), ("b", adaptive_results())])
    found = [dict(zip(grid.header, one, strict=True)) for one in grid.lines if one[0] == "jpeg:quality=75"]
    lines = {one["run"]: one for one in found}
    assert lines["a"]["perturbed"] == lines["b"]["perturbed"] != "–"
    assert (lines["a"]["worst"], lines["b"]["worst"][:10]) == ("–", "0.25 (1/4,")
    assert "worst count" in as_csv(grid).splitlines()[0]


def test_a_comparison_has_differences_a_forest_plot_and_files(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name) for name in ("one", "two")]
    records = [json.loads(line) for line in (runs[1] / "records.jsonl").read_text().splitlines()]
    for record in records:
        record["correct"] = False if record["attack"] == "none" else record["correct"]
    (runs[1] / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    page = write_comparison(runs, tmp_path / "both.html").read_text(encoding="utf-8")
    assert "Differences to the base" in page
    assert "Settings that differ" in page
    header, *lines = csv.reader(io.StringIO((tmp_path / "both" / "tables" / "differences-1.csv").read_text()))
    assert {"difference", "difference of", "difference low", "difference high", "p", "shown"} <= {*header}
    clean = next(dict(zip(header, line, strict=True)) for line in lines if line[0] == "none")
    assert float(clean["difference low"]) <= float(clean["difference"]) <= float(clean["difference high"]) <= 0
    assert all((tmp_path / "both" / "figures" / f"differences-two.{kind}").is_file() for kind in ("svg", "pdf"))
    assert r"\begin{table}" in (tmp_path / "both" / "tables" / "comparison.tex").read_text()


@pytest.mark.parametrize("epsilon", ["8/255", "4/255"])
def test_a_comparison_says_in_what_protocols_differ(epsilon: str, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name) for name in ("one", "two")]
    results, _ = make_results()
    protocol = replace(known(results.protocol), epsilon=epsilon)
    write_document(runs[1] / "results.json", replace(results, protocol=protocol))
    page = write_comparison(runs, tmp_path / "both.html").read_text(encoding="utf-8")
    assert ("Not the same protocol" in page) == (epsilon != "8/255")
    assert "<script" not in page


def test_numbers_of_figures_have_columns_of_their_own_in_csv() -> None:
    grid = Grid("g", "G", "", ("defense", "accuracy", "net"), (
        ("jpeg", figure_cell(rate_of(1, 4)), figure_cell(Estimate(value=-0.25, low=-0.5, high=0.0))),
        ("none", figure_cell(None), "–"),
    ))  # fmt: skip
    header, first, second = csv.reader(io.StringIO(as_csv(grid)))
    assert header[:6] == ["defense", "accuracy", "accuracy count", "accuracy of", "accuracy low", "accuracy high"]
    assert first[:4] == ["jpeg", "0.25", "1", "4"]
    assert [float(cell) for cell in first[4:]] == pytest.approx([0.0456, 0.6994, -0.25, -0.5, 0.0], abs=1e-4)
    assert second == ["none", *[""] * 8]
    assert "0.25 (1/4, 0.05–0.70)" in as_markdown(grid)


def test_a_column_of_numbers_is_empty_in_csv_where_it_has_none() -> None:
    lines = (("noise", "–", "–"), ("fresh", "100", "why"))
    assert as_csv(Grid("g", "G", "", ("attack", "steps", "text"), lines)).splitlines()[1:] == [
        "noise,,–",
        "fresh,100,why",
    ]


def test_no_table_has_two_columns_of_one_name() -> None:
    for grid in (*grids(adaptive_results()), hardening_attackers_grid(results_of(30, 5))):
        header = next(csv.reader(io.StringIO(as_csv(grid))))
        assert len(header) == len({*header}), grid.name


def test_a_wide_table_of_latex_is_made_to_fit_and_has_no_column_of_dashes() -> None:
    lines = tuple((f"a rather long name {place}", "–", *["0.96 (81/84, 0.90–0.99)"] * 5) for place in range(2))
    text = as_latex(Grid("wide", "A title", "A note.", ("defense", "A1", *"abcde"), lines))
    assert text.startswith("% needs the packages booktabs and graphicx")
    assert "\\resizebox{\\linewidth}{!}{%\n\\begin{tabular}{llllll}" in text
    assert "defense & a & b & c & d & e" in text
    assert "\\end{tabular}}\n" in text


def test_latex_has_a_caption_aligns_numbers_and_sets_the_best_in_bold() -> None:
    lines = (("jpeg", "12", figure_cell(rate_of(1, 4))), ("none", "7 %", figure_cell(rate_of(3, 4), best=True)))
    text = as_latex(Grid("my-table", "A title", "A note.", ("defense", "videos", "accuracy"), lines))
    assert r"\caption{A title. A note.}" in text
    assert r"\label{tab:my-table}" in text
    assert r"\begin{tabular}{lrr}" in text
    assert r"none & 7 \% & \textbf{0.75 (3/4, 0.30--0.95)} \\" in text
    assert r"\textbf{0.25" not in text
    assert "resizebox" not in text
    assert text.startswith("% needs the packages booktabs\n")


def marked(results: DefendResults) -> set[tuple[str, str, str]]:
    """Attack, defense and sampler of the lines with a best cell."""
    lines = [line for line in rates_grid(results).lines if any(getattr(cell, "best", False) for cell in line)]
    return {(line[0], line[2], line[3]) for line in lines}


def test_the_best_defense_is_marked_where_the_paired_test_shows_it_and_nowhere_else() -> None:
    results, _ = make_results()
    row = next(row for row in results.rows if row.attack not in ("none", "noise") and row.defense != "none")
    gains = tuple(
        DefenseGain(attack=row.attack, sampler=row.sampler, defense=name, gained=gained, lost=0, of=12, adjusted_p=p)
        for name, gained, p in ((row.defense, 8, 0.01), ("temporal-resample:keep=2", 9, 0.2))
    )
    assert marked(replace(results, defense_gains=gains)) == {(row.attack, row.defense, row.sampler)}
    assert marked(replace(results, defense_gains=())) == set()


def test_checks_that_pass_are_folded_and_counted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_document(run / "results.json", adaptive_results())
    grid = next(one for one in grids(adaptive_results()) if one.name == "checks")
    assert ([line[0] for line in grid.page_lines], grid.folded_title) == (["WARN"], "1 of 2: PASS")
    page = write_report(run).read_text(encoding="utf-8")
    assert '<details class="folded"><summary>1 of 2: PASS</summary>' in page
    assert "PASS" in (run / "tables" / "checks.csv").read_text(encoding="utf-8")
