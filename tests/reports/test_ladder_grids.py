"""Tables of ladders: rung P apart from the minimum, what attackers spent, a defense and a detector at once."""

import io

from msgspec.structs import replace
from rich.console import Console

from lsap_cli.dashboard.panes.findings import ladders_text
from lsap_cli.reports.grids import attackers_grid, ladder_grid, pair_ladder_grid
from lsap_cli.reports.tables import attackers_table, detector_ladder_table, ladder_table
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.ladders import (
    WHY_STOPPED,
    AttackerEffort,
    BudgetPoint,
    DefenseLadder,
    DetectorLadder,
    DetectorRung,
    EvasionRow,
    LadderRung,
    WorstRung,
)
from lsap_cli.results.per_video import PerVideoBound
from lsap_cli.results.rates import paired, rate_of
from lsap_cli.results.rows import Row
from lsap_cli.results.summary import summary_sentence
from tests.reports.fake_run import make_results


def effort(stopped: str, steps: int, judged: bool = True) -> AttackerEffort:
    return AttackerEffort(
        begins_at="r", steps=steps, seconds=2.0, stopped=stopped, why=WHY_STOPPED[stopped],  # type: ignore[arg-type,index]
        verified=rate_of(3, 24), judged=judged,
    )  # fmt: skip


ROW = Row(attack="A2 declared gradient (jpeg)", defense="jpeg", sampler="uniform", videos=20)
OWN = PerVideoBound(
    sampler="uniform", attack="P own pattern (jpeg)", videos=20, accuracy=rate_of(2, 20), fooling_rate=rate_of(18, 20),
    steps=80, seconds=9.0, universal=ROW.attack, compared=paired([False] * 18, [True] * 18), verdict="falls",
)  # fmt: skip
LADDER = DefenseLadder(
    defense="jpeg",
    rungs=(
        LadderRung(rung="A0", attack="r", role="transfer"),
        LadderRung(rung="A2", attack=ROW.attack, effort=effort("last-round", 200), rows=(ROW,)),
        LadderRung(rung="A5", attack="A5 random search (jpeg)", effort=effort("beaten", 40, judged=False)),
    ),
    robust=(WorstRung(sampler="uniform", rung="A2", attack=ROW.attack, accuracy=rate_of(15, 20)),),
    per_video=(OWN,),
)
PAIR = DetectorLadder(
    detector="consistency",
    defense="jpeg",
    rungs=(
        DetectorRung(
            rung="A2", attack="A2 bold (jpeg, below consistency)", effort=effort("floor", 20),
            rows=(EvasionRow(attack="A2 bold", detector="consistency", sampler="uniform", videos=20),),
        ),
    ),
    robust=(
        EvasionRow(
            rung="A2", attack="A2 bold (jpeg, below consistency)", detector="consistency", defense="jpeg",
            sampler="uniform", videos=20, robust_rate=rate_of(11, 20),
        ),
    ),
)  # fmt: skip
CURVE = BudgetPoint(epsilon="64/255", defense="jpeg", attack="epsilon 64/255 (jpeg)", effort=effort("floor", 20))
RESULTS = DefendResults(rows=(ROW,), ladder=(LADDER,), pair_ladder=(PAIR,), budget_curve=(CURVE,))


def test_a_pattern_of_its_own_for_each_video_has_a_column_and_is_not_the_worst() -> None:
    (line,) = ladder_grid(RESULTS).lines
    cells = dict(zip(ladder_grid(RESULTS).header, line, strict=True))
    assert cells["worst"].startswith("0.75 (15/20")
    assert cells["P (bound)"].startswith("0.10 (2/20")
    table = ladder_table(RESULTS)
    assert table is not None
    assert [column.header for column in table.columns][-1] == "P (bound)"


def test_a_defense_that_falls_to_own_patterns_alone_is_named_in_the_summary() -> None:
    results, _ = make_results()
    said = summary_sentence(replace(results, ladder=(LADDER,)))
    assert "against a pattern of its own for each (P, an upper bound" in said
    assert "jpeg (2 of 20 under P)" in said
    alike = replace(LADDER, per_video=(replace(OWN, verdict="alike"),))
    assert "under P" not in summary_sentence(replace(results, ladder=(alike,)))


def test_every_attacker_says_what_it_spent_why_it_stopped_and_whether_it_was_judged() -> None:
    lines = attackers_grid(RESULTS).lines
    assert [(one[0], one[1], one[4], one[-1]) for one in lines] == [
        ("jpeg", "A2", "200", "yes"), ("jpeg", "A5", "40", "no"), ("jpeg + consistency", "A2", "20", "yes"),
        ("jpeg", "64/255", "20", "yes"),
    ]  # fmt: skip
    assert lines[0][-2] == "it led the race and took the last round, on all fit videos"
    table = attackers_table(RESULTS)
    assert table is not None
    assert table.row_count == 4
    assert attackers_table(DefendResults(rows=())) is None


def test_the_longest_names_of_attackers_are_not_torn_at_80_columns() -> None:
    names = ("A1 straight-through", "A3 expectation over 8 draws")
    spent = effort("no-improvement", 16_000)
    rungs = tuple(LadderRung(attack=f"{one} (jpeg)", rung=one[:2], effort=spent) for one in names)
    table = attackers_table(DefendResults(rows=(), ladder=(DefenseLadder(defense="jpeg:quality=75", rungs=rungs),)))
    shown = io.StringIO()
    Console(file=shown, width=80).print(table)
    words = shown.getvalue().split()
    assert {"straight-through", "expectation"} <= set(words)
    assert all(len(line) <= 80 for line in shown.getvalue().splitlines())


def test_a_defense_and_a_detector_at_once_have_a_table_of_their_own() -> None:
    (line,) = pair_ladder_grid(RESULTS).lines
    assert line[0] == "jpeg + consistency"
    table = detector_ladder_table(RESULTS)
    assert table is not None
    assert table.row_count == 1


def test_the_dashboard_shows_what_attackers_spent_own_patterns_and_pairs() -> None:
    text = ladders_text(RESULTS.ladder, RESULTS.pair_ladder, "uniform").plain
    assert "200 steps, 2 s, last-round" in text
    assert "40 steps, 2 s, beaten, not judged" in text
    assert "P own pattern for each video" in text
    assert "accuracy 0.10 (2/20" in text
    assert "80 steps, 9 s, a bound that does not count" in text
    assert "defense and detector jpeg + consistency" in text
    assert "A2 bold " in text
