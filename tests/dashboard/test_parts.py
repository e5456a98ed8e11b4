"""The parts below the screens: words, colors, curves, findings, pictures."""

from pathlib import Path

import pytest
from PIL import Image

from lsap_cli.dashboard.curves import CURVES, POINTS
from lsap_cli.dashboard.formatting import (
    duration,
    figure,
    megabytes,
    name_text,
    one_line,
    short_duration,
    short_spec,
    spark,
)
from lsap_cli.dashboard.palette import CIVIDIS, cell_style
from lsap_cli.dashboard.panes.findings import checks_text, detector_ladder_lines, ladder_lines, sampler_matrix_text
from lsap_cli.dashboard.widgets.picture import fitted
from lsap_cli.results.documents import ModelFinding
from lsap_cli.results.events import StepEvent
from lsap_cli.results.ladders import (
    Check,
    DefenseLadder,
    DetectorLadder,
    DetectorRung,
    EvasionRow,
    LadderRung,
    WorstRung,
)
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import SamplerTransfer
from tests.test_imports import loaded_after


def test_the_dashboard_loads_no_torch_and_its_first_screen_no_numbers_and_plots() -> None:
    code = "import lsap_cli.dashboard.screens.run, lsap_cli.dashboard.screens.compare, lsap_cli.dashboard.screens.start"
    assert loaded_after(code, ("torch", "torchvision", "av", "typer", "matplotlib", "sklearn")) == ""
    heavy = ("torch", "numpy", "textual_plot", "PIL", "av", "matplotlib")
    assert loaded_after("import lsap_cli.dashboard.app", heavy) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0, "0:00"), (42.4, "0:42"), (725, "12:05"), (11229, "3:07:09"), (-5, "0:00")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (725, "12:05"), (11229, "3h07"), (400_000, "111h")])
def test_durations_in_five_characters(seconds: float | None, text: str) -> None:
    assert short_duration(seconds) == text


def test_figures_and_sizes() -> None:
    assert [figure(None), figure(0.5), figure(0.0004), figure(0.0), figure(8.0, 0)] == [
        "–",
        "0.50",
        "0.0004",
        "0.00",
        "8",
    ]
    assert [megabytes(None), megabytes(3 * 2**20), megabytes(3 * 2**30)] == ["–", "3.0 MB", "3.0 GB"]


def test_text_is_cut_in_its_middle_and_made_safe() -> None:
    assert one_line("abcdefghij", 5) == "ab…ij"
    assert one_line("a\nb\x1b", 40) == "a\\nb\\x1b"
    assert name_text("[b]x", 40).plain == "[b]x"
    assert short_spec("temporal-mean:window=3", 18) == "temporal-mean:3"
    assert short_spec("h264:crf=23,preset=medium", 18) == "h264:23,medium"


def test_a_sparkline_has_at_most_its_width_and_shows_the_extremes() -> None:
    line = spark([float(value) for value in range(1000)], 10)
    assert (len(line), line[0], line[-1]) == (10, "▁", "█")
    assert spark([1.0, 1.0], 10) == "▁▁"
    assert spark([], 10) == ""


def test_colors_grow_lighter_with_the_share_so_that_gray_tells_the_same() -> None:
    def lightness(style: str) -> float:
        color = style.rpartition("#")[2]
        red, green, blue = (int(color[place : place + 2], 16) for place in (0, 2, 4))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    shades = [lightness(cell_style(share / 20)) for share in range(21)]
    assert shades == sorted(shades)
    assert shades[-1] - shades[0] > 150
    assert cell_style(-1) == cell_style(0)
    assert cell_style(2) == cell_style(1)
    assert len(CIVIDIS) == 5


def steps(count: int) -> list[StepEvent]:
    return [
        StepEvent(
            number=at, time=1000.0 + at, seconds=at / 10, loss=1 / at, fooled=at % 5, clips=4, step_size=0.002,
            progress=at / count, seconds_left=0.0,
        )
        for at in range(1, count + 1)
    ]  # fmt: skip


def test_curves_are_thinned_and_pool_what_they_leave_out() -> None:
    kinds = {kind.name: kind for kind in CURVES}
    found = kinds["fooling rate"].line(steps(1000))
    assert len(found.x) == len(found.low) == POINTS
    pooled = rate_of(sum(at % 5 for at in range(501, 511)), 40)
    assert pooled is not None
    assert (found.y[50], found.low[50], found.high[50]) == (pooled.value, pooled.low, pooled.high)
    few = kinds["fooling rate"].line(steps(20))
    assert len(few.y) == 20
    assert all(high - low < 0.4 for low, high in zip(few.low[4:-4], few.high[4:-4], strict=True)), (
        "8 steps of 4 clips each"
    )
    assert kinds["loss"].line(steps(1000)).y[0] == pytest.approx(sum(1 / at for at in range(1, 11)) / 10)
    assert kinds["coherence"].line(steps(1000)).x == []
    assert kinds["step size"].line(steps(5)).y == pytest.approx([0.51] * 5)
    assert kinds["clips a second"].line(steps(1000)).y == pytest.approx([40.0] * POINTS)
    assert kinds["loss"].line([]).x == []


def test_a_ladder_has_a_line_for_each_rung_and_marks_the_worst() -> None:
    row = Row(attack="r", defense="jpeg", sampler="uniform", videos=4, attacked_accuracy=rate_of(2, 4))
    ladder = DefenseLadder(
        defense="jpeg",
        rungs=(
            LadderRung(rung="A1", attack="A1 straight-through (jpeg)", rows=(row,)),
            LadderRung(rung="A2", attack="twice the steps (jpeg)", rows=(row,)),
            LadderRung(rung="A3", attack="A3 nothing measured (jpeg)"),
        ),
        robust=(WorstRung(sampler="uniform", rung="A2", attack="twice the steps (jpeg)"),),
    )
    first, second, third = ladder_lines(ladder, "uniform")
    assert first.split() == ["A1", "straight-through", "accuracy", "0.50", "(2/4,", "0.15–0.85)"]
    assert second.endswith("accuracy 0.50 (2/4, 0.15–0.85) ◀")
    assert third.split() == ["A3", "nothing", "measured", "–"]
    won = EvasionRow(attack="A2 bold (below d)", detector="d", sampler="uniform", videos=4, evasion_rate=rate_of(2, 4))
    detector = DetectorLadder(detector="d", rungs=(DetectorRung(rung="A2", attack=won.attack, rows=(won,)),))
    (line,) = detector_ladder_lines(detector)
    assert line.split()[:4] == ["A2", "bold", "evasion", "0.50"]


def test_checks_that_warn_come_first() -> None:
    checks = [Check(name="noise does far less", status="PASS", defense="jpeg"), Check(name="steps", status="WARN")]
    text = checks_text(checks, [ModelFinding(verdict="FAIL", test="gradient", figure="0")]).plain
    assert [line.split()[0] for line in text.splitlines()] == ["Checks", "FAIL", "WARN", "PASS"]
    assert "noise does far less (jpeg)" in text
    assert "1 of 3 pass" in text


def test_the_sampler_matrix_is_by_what_was_learned_through_and_judged_with() -> None:
    one = SamplerTransfer(
        attack="r", fit=("uniform", "random"), rates={"uniform": Rate(value=0.5, count=2, of=4, low=0.15, high=0.85)}
    )
    text = sampler_matrix_text([one]).plain.splitlines()
    assert text[1].split() == ["uniform"]
    assert text[2].split() == ["r:", "uniform,", "random", "0.50", "0.15–0.85"]


@pytest.mark.parametrize(
    ("picture", "room", "size"),
    [
        ((100, 50), (80, 40), (80, 40)),
        ((100, 50), (80, 20), (40, 20)),
        ((2, 2), (80, 40), (40, 40)),
        ((1000, 1), (8, 8), (8, 1)),
    ],
)
def test_pictures_keep_their_proportions(
    picture: tuple[int, int], room: tuple[int, int], size: tuple[int, int]
) -> None:
    assert fitted(picture, room) == size


def test_the_pictures_of_a_run_are_small_and_complete(made: Path) -> None:
    folder = made / "tour" / "defend" / "pictures"
    slots = sorted((folder / "slots").iterdir())
    assert [path.name for path in slots] == [f"{number:02d}.png" for number in range(8)]
    with Image.open(slots[0]) as slot, Image.open(folder / "films" / "0-before.png") as film:
        assert slot.width <= 112
        assert film.width <= 112
        assert film.height % 16 == 0
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 4 * 2**20
