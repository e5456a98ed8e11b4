"""The parts below the screens: words, colors, curves, findings, pictures."""

from pathlib import Path

import pytest
from PIL import Image

from lsap_cli.dashboard.curves import KINDS, POINTS
from lsap_cli.dashboard.findings import read_checks, read_detectors, read_ladder, read_matrix
from lsap_cli.dashboard.palette import CIVIDIS, cell_style
from lsap_cli.dashboard.widgets.heat import short_spec
from lsap_cli.dashboard.widgets.picture import fitted
from lsap_cli.dashboard.words import duration, escaped, figure, megabytes, one_line, spark
from lsap_cli.evaluation.rates import rate_of
from lsap_cli.runs.history import Step
from tests.test_imports import loaded_after

RATE = {"value": 0.5, "count": 2, "of": 4, "low": 0.15, "high": 0.85}


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


def test_figures_and_sizes() -> None:
    assert [figure(None), figure(0.5), figure(0.0004), figure(0.0), figure(8.0, 0)] == [
        "–",
        "0.50",
        "0.0004",
        "0.00",
        "8",
    ]
    assert [megabytes(None), megabytes(3 * 2**20), megabytes(3 * 2**30)] == ["–", "3 MB", "3.0 GB"]


def test_text_is_cut_in_its_middle_and_made_safe() -> None:
    assert one_line("abcdefghij", 5) == "ab…ij"
    assert one_line("a\nb\x1b", 40) == "a\\nb\\x1b"
    assert escaped("[b]x", 40) == "\\[b]x"
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


def steps(count: int) -> list[Step]:
    return [
        Step(at, 1000.0 + at, at / 10, 1 / at, at % 5, 4, None, 0.002, at / count, 0.0) for at in range(1, count + 1)
    ]


def test_curves_are_thinned_and_pool_what_they_leave_out() -> None:
    kinds = {kind.name: kind for kind in KINDS}
    found = kinds["fooling rate"].line(steps(1000))
    assert len(found.x) == len(found.low) == POINTS
    pooled = rate_of(sum(at % 5 for at in range(501, 511)), 40)
    assert pooled is not None
    assert (found.y[50], found.low[50], found.high[50]) == (pooled["value"], pooled["low"], pooled["high"])
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


def test_findings_are_read_in_the_shapes_that_defend_writes() -> None:
    check = {"defense": "jpeg", "name": "noise does far less", "status": "WARN", "figure": "0.2", "sentence": "why"}
    (read,) = read_checks({"checks": [check]})
    assert (read.verdict, read.test, read.figure) == ("WARN", "noise does far less (jpeg)", "0.2")
    rows = [{"sampler": "uniform", "attacked_accuracy": RATE, "fooling_rate": None}]
    through = {"rung": "A1", "attack": "A1 straight-through (jpeg)", "rows": rows}
    longer = {"rung": "A2", "attack": "twice the steps (jpeg)", "rows": rows}
    robust = [{"sampler": "uniform", "attack": "twice the steps (jpeg)"}]
    first, second = read_ladder({"ladder": [{"defense": "jpeg", "rungs": [through, longer], "robust": robust}]})
    assert (first.defense, first.name, second.name) == ("jpeg", "A1 straight-through", "A2 twice the steps")
    assert first.line("uniform").split() == ["A1", "straight-through", "accuracy", "0.50", "(2/4,", "0.15–0.85)"]
    assert second.line("uniform").endswith("accuracy 0.50 (2/4, 0.15–0.85) ◀")
    won = [{"sampler": "uniform", "evasion_rate": RATE}]
    below = [{"detector": "d", "rungs": [{"rung": "A2", "attack": "A2 bold (below d)", "rows": won}]}]
    (rung,) = read_ladder({"detector_ladder": below})
    assert (rung.defense, rung.name, rung.rates[0][:2]) == ("detector d", "A2 bold", ("uniform", "evasion rate"))
    curve = {"false_positive_rate": [0, 0.5, 1], "true_positive_rate": [0, 0.9, 1]}
    (detector,) = read_detectors({"detectors": [{"detector": "d", "attack": "r", "curve": curve, "auc": 0.8}]})
    assert detector.points == ((0.0, 0.0), (0.5, 0.9), (1.0, 1.0))
    assert detector.figures == (("auc", "0.8"),)
    entry = {"attack": "r", "fit": ["uniform", "random"], "rates": {"uniform": RATE, "random": None}, "gap": None}
    matrix = read_matrix({"sampler_matrix": [entry]})
    assert matrix is not None
    assert (matrix.rows, matrix.columns) == (("r: uniform, random",), ("uniform",))


@pytest.mark.parametrize("wrong", [None, 3, "text", [], {}, [3, None, []], {"a": 3}, [{"roc": 3, "fooling_rate": 3}]])
def test_findings_that_are_none_are_left_out(wrong: object) -> None:
    document = {"checks": wrong, "ladder": wrong, "detector_ladder": wrong, "detectors": wrong, "sampler_matrix": wrong}
    assert all(one.rates == () for one in read_ladder(document))
    assert all(one.points == () for one in read_detectors(document))
    assert read_matrix(document) is None
    read_checks(document)


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


def test_the_pictures_of_a_run_are_small_and_complete(runs: Path) -> None:
    folder = runs / "tour" / "defend" / "pictures"
    slots = sorted((folder / "slots").iterdir())
    assert [path.name for path in slots] == [f"{number:02d}.png" for number in range(8)]
    with Image.open(slots[0]) as slot, Image.open(folder / "films" / "0-before.png") as film:
        assert slot.width <= 112
        assert film.width <= 112
        assert film.height % 16 == 0
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 4 * 2**20
