"""Study files: what they mean, and that what cannot be meant is refused with the file's name and the key."""

import itertools
from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.study.axes import AXES
from lsap_cli.study.cells import specs_of
from lsap_cli.study.measures import MEASURES
from lsap_cli.study.request import StudyRequest
from lsap_cli.study.shipped import ORDER, shipped_titles
from lsap_cli.study.study_file import STUDY_KEYS, read_study

GRID = '[grid]\nattack = ["fgsm", "lsap"]\nbudget = ["linf 8/255", "l2 4/255"]\nseed = [0, 1]\n'
TABLE = '[[table]]\nname = "t"\nrows = ["attack"]\ncolumns = ["budget"]\n'


def read(folder: Path, text: str, *models: str) -> StudyRequest:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(str(path), models)


def test_a_grid_is_every_combination_and_axes_that_it_lacks_have_their_usual_value(tmp_path: Path) -> None:
    points = read(tmp_path, GRID + TABLE).points()
    assert len(points) == 8
    assert [point.text("seed") for point in points[:2]] == ["0", "1"]
    assert {point.text(axis) for point in points for axis in AXES if axis not in ("attack", "budget", "seed")} == {
        str(axis.usual) for name, axis in AXES.items() if name not in ("attack", "budget", "seed")
    }


def test_several_grids_are_put_together_and_a_point_of_two_is_one(tmp_path: Path) -> None:
    text = GRID.replace("[grid]", "[[grid]]") + '[[grid]]\nattack = ["lsap", "uap"]\nbudget = "linf 8/255"\n'
    assert len(read(tmp_path, text).points()) == 9


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[grid]\natack = ["lsap"]\n', r"study\.toml: \[grid\]: the axis 'atack' is unknown; .* Did you mean attack\?"),
        ('[grid]\nattack = ["ifgms"]\n', r"\[grid\] attack: the attack 'ifgms' is unknown; .* Did you mean ifgsm\?"),
        ('[grid]\nbudget = ["l3 8/255"]\n', r"\[grid\] budget: the budget .l3 8/255. cannot"),
        ('[grid]\nbudget = ["linf 9"]\n', r"\[grid\] budget: the budget 'linf 9'"),
        ('[grid]\ngoal = ["targeted:x"]\n', r"\[grid\] goal: the goal 'targeted:x' is unknown; .* Did you mean unt"),
        ('[grid]\nfrom = ["anyclass"]\n', r"\[grid\] from: the learning set 'anyclass' is unknown"),
        ('[grid]\nsampler = [["uniform", "dens"]]\n', r"\[grid\] sampler: the sampler 'dens' is unknown"),
        ('[grid]\nfile = ["h246:crf=23"]\n', r"\[grid\] file: the codec 'h246:crf=23' is unknown"),
        ('[grid]\ndefense = ["jpeg:quality=75 + medain"]\n', r"\[grid\] defense: the defense 'medain' is unknown"),
        ('[grid]\ndetector = ["temporal"]\n', r"\[grid\] detector: the detector 'temporal' is unknown"),
        ('[grid]\nframes = ["middel"]\n', r"\[grid\] frames: the choice of frames 'middel' is unknown"),
        ('[grid]\nupdate = ["apgd"]\n', r"\[grid\] update: the update 'apgd' is unknown; .* Did you mean"),
        ('[grid]\nladder = ["quick"]\n', r"\[grid\] ladder: the ladder 'quick' is unknown"),
        ("[grid]\nseed = [-1]\n", r"\[grid\] seed: it is -1; give whole numbers from 0"),
        ("[grid]\nsteps = [0]\n", r"\[grid\] steps: steps is '0'"),
        ("[grid]\nattack = []\n", r"\[grid\] attack: it has no value"),
        ('[grid]\nattack = ["lsap", "lsap"]\n', r"\[grid\] attack: the value 'lsap' stands there twice"),
        ("[study]\nfold = 3\n[grid]\n", r"\[study\]: the key 'fold' is unknown; .* Did you mean folds\?"),
        ("[study]\nfolds = 1\n[grid]\n", r"\[study\] folds: it is 1; give a whole number from 2"),
        ("[study]\nbatch = true\n[grid]\n", r"\[study\] batch: it is True"),
        ("[tables]\n[grid]\n", r"the file: the section 'tables' is unknown; .* Did you mean table\?"),
        ("[study]\n", r"study\.toml: grid: there is none"),
        ("[grid\n", r"study\.toml is no TOML"),
        ('[grid]\nmodel = [["a", "b"]]\n', r"learned on several networks \(a & b\): name the one that is judged"),
        ('[grid]\nfrom = ["target-class"]\n', r'from = "target-class" needs a target, and goal is untargeted'),
        (GRID + '[[table]]\nrows = ["attac"]\n', r"\[\[table\]\] table-1 rows: the axis 'attac' is unknown"),
        (GRID + '[[table]]\nrows = ["defense"]\n', r"rows: the grid lacks the axis 'defense'; add it to \[grid\], or"),
        (GRID + '[[table]]\nrows = ["attack"]\n', r"the axis 'budget' has several values \(linf 8/255, l2 4/255\)"),
        (GRID + TABLE + 'measures = ["AC"]\n', r"\[\[table\]\] t measures: the measure 'AC' is unknown; use"),
        (GRID + TABLE + 'wher = {}\n', r"\[\[table\]\] 1: the key 'wher' is unknown; .* Did you mean where\?"),
        (GRID + TABLE + 'where = {attack = "uap"}\n', r"where\.attack: the value 'uap' is unknown; use one of: fgsm"),
        (GRID + TABLE + 'grid = "a"\n', r"\[\[table\]\] t grid: the grid 'a' is unknown"),
        (GRID + TABLE + TABLE, r"table: two of them have the name 't'"),
        (GRID + TABLE.replace('"t"', '"../t"'), r"\[\[table\]\] 1 name: it is '\.\./t'"),
        ('[grid]\nmodel = ["@each"]\n', r"it leaves its networks to the command line; give --model"),
        ("[study]\nbatch = 100000\n[grid]\n", r"\[study\] batch: it is 100000; give a whole number from 1 to 4096"),
        ("[study]\nthreads = 1000\n[grid]\n", r"\[study\] threads: it is 1000; give a whole number from 1 to 256"),
        ('[study]\nvideos = ""\n[grid]\n', r"\[study\] videos: it is ''; give a folder of videos, or a list"),
        (f"[grid]\nseed = [{2**31}]\n", r"\[grid\] seed: it is 2147483648; give whole numbers from 0 to 2147483647"),
        ('[grid]\ngoal = ["target:"]\n', r"\[grid\] goal: the goal 'target:' is unknown; .*target:LABEL"),
        ('[grid]\nbinding = ["cyclic:0"]\n', r"\[grid\] binding: the binding 'cyclic:0' is unknown; .*cyclic:P"),
        ('[grid]\nsampler = [["uniform", "uniform"]]\n', r"\[grid\] sampler: the value .* names one thing twice"),
        ('[grid]\nthrough = [["none", "jpeg"]]\n', r"\[grid\] through: 'none' stands alone"),
        ('[grid]\nladder = "fast"\nfile = "ffv1"\n', r'grid: ladder = "fast" and file = "ffv1" do not go together'),
        ('[grid]\nladder = "fast"\ndetector = "feature-squeezing"\n', r'and detector = .* as two \[\[grid\]\]'),
        ('[grid]\nladder = "fast"\ngoal = "only:a"\n', r"grid: ladder has untargeted and targeted attackers"),
        ('[grid]\nfrom = "one-video"\ndetector = "feature-squeezing"\n', r"grid: detector compares videos of one pert"),
        (GRID + TABLE + 'measures = ["fr"]\n', r"\[\[table\]\] t measures: the measure 'fr' is .* Did you mean FR\?"),
        (GRID + TABLE + 'measures = ["FR", "FR"]\n', r"\[\[table\]\] t measures: the measure 'FR' stands there twice"),
        (GRID + TABLE.replace('"t"', '"cells"'), r"table: two of them have the name 'cells'"),
        (GRID + TABLE + TABLE.replace('"t"', '"T-controls"'), r"table: two of them have the name 't-controls'"),
        (GRID + TABLE.replace('"t"', f'"{"x" * 101}"'), r"\[\[table\]\] 1 name: .*use at most 100 letters"),
        (GRID + '[names]\nfgsm = "X"\nlsap = "X"\n', r"names: 'fgsm' and 'lsap' of attack are both shown as 'X'"),
        (f"[grid]\nseed = {list(range(400))}\nsteps = {list(range(1, 300))}\n", r"grid: it has 119600 points, and"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(LsapError, match=sentence) as raised:
        read(tmp_path, text)
    assert raised.value.exit_code == 2
    assert "study.toml" in str(raised.value)


def test_places_of_models_are_filled_by_the_command_line(tmp_path: Path) -> None:
    text = (
        '[[grid]]\nmodel = ["@each"]\nvictim = ["@each"]\n[[grid]]\nmodel = ["@leave-one-out"]\nvictim = ["@others"]\n'
    )
    points = read(tmp_path, text, "a", "b", "c").points()
    pairs = [(point.text("model"), point.victim) for point in points]
    assert len(pairs) == 9 + 3
    assert set(pairs[9:]) == {("a & b", "c"), ("a & c", "b"), ("b & c", "a")}


def test_paths_of_a_study_file_begin_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    request = read(tmp_path, '[study]\nvideos = "videos"\n[grid]\n')
    assert request.videos == str(tmp_path / "videos")


def test_paths_behind_a_format_begin_there_too_and_so_do_those_of_a_where(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\n")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    request = read(
        tmp_path, '[study]\nvideos = "csv:list.csv"\n[grid]\nmodel = [["a", "hf:b"]]\nvictim = "a & b"\n'
        '[[table]]\nname = "t"\nrows = "victim"\nwhere = {model = [["a", "hf:b"]]}\n',
    )  # fmt: skip
    assert request.videos == f"csv:{tmp_path / 'list.csv'}"
    assert request.points()[0].parts("model") == (f"{tmp_path / 'a'}", f"hf:{tmp_path / 'b'}")
    assert specs_of(request.points()) == [f"{tmp_path / 'a'}", f"hf:{tmp_path / 'b'}", "a & b"]


def test_a_mark_of_byte_order_before_the_first_section_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + GRID).points()


@pytest.mark.parametrize("name", ORDER)
def test_every_shipped_study_can_be_meant_and_has_tables(name: str) -> None:
    request = read_study(f"paper:{name}", ["a", "b", "c"], "videos")
    assert request.points()
    assert request.tables
    assert request.title == shipped_titles()[name]


def test_an_unknown_shipped_study_is_answered_with_those_that_exist() -> None:
    with pytest.raises(LsapError, match=r"the study 'overal' is unknown; use one of: paper:overall, .* Did you mean"):
        read_study("paper:overal", ["a"], "videos")


def test_the_command_lines_folds_and_seconds_take_the_place_of_the_files() -> None:
    plain = read_study("paper:overall", ["a"], "videos")
    given = read_study("paper:overall", ["a"], "videos", folds=2, seconds=20.0)
    assert (plain.folds, plain.seconds) == (5, None)
    assert (given.folds, given.seconds) == (2, 20.0)
    assert given.points() == plain.points()


def first_cells(header: str) -> list[str]:
    """The first column of the table of docs/study.md with a header, without its marks."""
    lines = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[begin + 2 :])
    return [row.split("|")[1].strip(" `") for row in rows]


def test_the_tables_of_the_document_are_whole_and_in_order() -> None:
    assert first_cells("axis") == list(AXES)
    assert first_cells("measure") == list(MEASURES)
    assert first_cells("study") == [f"paper:{name}" for name in ORDER]
    keys = [key.strip(" `") for cell in first_cells("key of `[study]`") for key in cell.split(",")]
    assert keys == ["title", "videos", "root", "fps", "labels", "folds", "seed", "batch", "seconds", "views", "threads",
                    "ladder_steps"]  # fmt: skip
    assert set(keys) == set(STUDY_KEYS)
