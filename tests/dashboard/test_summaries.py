"""What a run's line in the list says."""

from pathlib import Path

import pytest

from lsap_cli.dashboard.summaries import RunSummarizer, RunSummary
from lsap_cli.dashboard.widgets.run_cells import RunLines, column_widths, figure_text, run_cells, title_text
from lsap_cli.results.documents import GenerateResults
from lsap_cli.results.events import FramesEvent, StageEvent, StepEvent, VerificationEvent
from lsap_cli.results.files import write_document
from lsap_cli.results.rates import rate_of
from lsap_cli.results.rows import Row
from lsap_cli.runs import Run
from lsap_cli.runs.reading import RunSnapshot, RunState


def test_a_run_that_goes_on_says_how_much_time_is_left_and_one_that_was_killed_does_not(tmp_path: Path) -> None:
    summaries = RunSummarizer(tmp_path)
    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        run.event(StepEvent(number=7, loss=0.5, fooled=1, clips=4, seconds=1.0, progress=0.1, seconds_left=48.0))
        assert [one.figure for one in summaries.all()] == ["step 7, 0:48 left"]
        written = (tmp_path / "run" / "run.json").read_text()
    (tmp_path / "run" / "run.json").write_text(written)  # as if the process had been killed
    (killed,) = summaries.all()
    assert (killed.snapshot.state, killed.figure) == ("killed", "step 7")


def test_a_run_whose_attackers_learn_says_which_one_and_which_step(tmp_path: Path) -> None:
    summaries = RunSummarizer(tmp_path)
    with Run(tmp_path / "run", "defend", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning 3 of 46: knows jpeg", steps=300, seconds=None, attacker=3, attackers=46))
        for number in range(1, 251):  # more than the lines that are looked at for another figure
            run.event(
                StepEvent(
                    number=number, loss=0.5, fooled=1, clips=4, seconds=1.0, progress=0.5, seconds_left=48.0,
                    member="knows jpeg",
                )
            )  # fmt: skip
        assert [one.figure for one in summaries.all()] == ["attacker 3 of 46, step 250 of 300, 0:48 left"]


def test_a_run_that_learns_is_listed_with_the_sampler_that_is_fooled_most_as_when_it_is_done(tmp_path: Path) -> None:
    with Run(tmp_path / "run", "generate", {"model": "demo"}, []) as run:
        counts = {"uniform": 2, "random": 8}
        rates = {name: rate for name, count in counts.items() if (rate := rate_of(count, 10))}
        run.event(VerificationEvent(step=4, fooled=rates["uniform"], by_sampler=rates))
        assert [one.figure for one in RunSummarizer(tmp_path).all()] == ["fooled 0.80 (0.49–0.94)"]
    rows = tuple(
        Row(attack="r", defense="none", sampler=name, videos=10, fooling_rate=rate) for name, rate in rates.items()
    )
    results = GenerateResults(out="r", steps=4, fit_videos=1, verification_videos=10, rows=rows)
    write_document(tmp_path / "run" / "results.json", results)
    assert [one.figure for one in RunSummarizer(tmp_path).all()] == ["fooled 0.80 (0.49–0.94)"]


def test_a_run_that_writes_files_says_how_many_it_has_written(tmp_path: Path) -> None:
    summaries = RunSummarizer(tmp_path)
    with Run(tmp_path / "run", "apply", {}, []) as run:
        run.event(FramesEvent(path="a", doing="writing", files_done=14, files=39, seconds_left=626.3))
        assert [one.figure for one in summaries.all()] == ["14 of 39 files, 10:26 left"]
    assert [one.figure for one in summaries.all()] == ["14 of 39 files"]


@pytest.mark.parametrize(
    ("title", "width", "shown"),
    [
        ("lips · i3d timm:tf_efficientnet_lite0", 28, "lips · i3d"),
        ("lips · i3d", 9, "lips"),
        ("second · other 2 def.", 18, "second · other"),
        ("a-name-of-many-words · i3d", 10, "a-na…words"),
        ("└ a-name-of-many-words", 10, "└ a-…words"),
        ("lsap 8/255", 18, "lsap 8/255"),
    ],
)
def test_a_title_loses_whole_words_before_a_name_is_cut(title: str, width: int, shown: str) -> None:
    assert title_text(title, width).plain == shown


@pytest.mark.parametrize(("state", "shown"), [("running", "attacker 3 of 46"), ("failed", "attacker 3 of 46, st…")])
def test_of_a_figure_whole_parts_are_left_out_and_a_reason_is_cut(state: RunState, shown: str) -> None:
    figure = "attacker 3 of 46, step 250 of 300"
    one = RunSummary(RunSnapshot(Path("run"), state), "run", False, figure, (), None)
    assert figure_text(one, 21).plain == shown


def test_nothing_is_made_anew_of_a_run_that_did_not_change(tmp_path: Path) -> None:
    summaries, lines, widths = RunSummarizer(tmp_path), RunLines(), {"state": 9, "took": 5, "run": 18, "start": 5}
    widths |= {"command": 8, "key figure": 20}
    with Run(tmp_path / "run", "generate", {"model": "demo"}, []):
        pass
    (first,), (second,) = summaries.all(), summaries.all()
    assert first is second
    assert lines.cells(first, widths, marked=False) is lines.cells(second, widths, marked=False)
    assert lines.cells(first, widths, marked=False) is not lines.cells(first, {**widths, "took": 7}, marked=False)
    (tmp_path / "run" / "labels.json").write_text('{"name": "mine"}')
    (named,) = summaries.all()
    assert named.name == "mine"
    assert "mine" in str(lines.cells(named, widths, marked=False)[2])


@pytest.mark.parametrize("room", [80, 120, 160])
def test_a_space_stands_between_all_columns(room: int) -> None:
    """A cell of a column has its width; the space after each comes from the table."""
    snapshot = RunSnapshot(Path("run"), "done", started=0.0)
    one = RunSummary(snapshot, "a name that is long", False, "fooled 0.88 (0.53–0.98)", (1.0, 2.0), 11_489.0)
    widths = column_widths(room)
    for name, cell in zip(widths, run_cells(one, widths, marked=False, indented=False), strict=True):
        assert cell.cell_len <= widths[name], name
        assert cell.justify is None, "it would take the space, too"
