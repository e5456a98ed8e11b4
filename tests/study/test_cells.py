"""Cells are found again by what determines them, and by nothing else; folds never share a recording."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsap_cli.errors import LsapError
from lsap_cli.study.axes import AXES
from lsap_cli.study.cells import PlannedCell, StudyContext, StudyVideo, each_once, hash_of, plan_cells
from lsap_cli.study.code_version import source_digest
from lsap_cli.study.folds import assign_folds
from lsap_cli.study.grid import StudyGrid, StudyPoint, expand_grids

FOLDS = (
    (StudyVideo("a.mp4", "1" * 64, "a", "left"), StudyVideo("b.mp4", "2" * 64, "b", "up")),
    (StudyVideo("c.mp4", "3" * 64, "c", "left"),),
)
CONTEXT = StudyContext(
    networks={"demo": {"parameters": "x", "labels": "y"}, "other": {"parameters": "z"}},
    names={"demo": "demo", "other": "other"},
    folds=FOLDS,
    drawn_label="left",
    protocol={"batch": 4, "views": None, "threads": 1, "seconds": None, "seed": 0, "ladder_steps": 300},
    environment={"version of torch": "2.11"},
    code="c" * 64,
)


def cells(context: StudyContext = CONTEXT, **axes: str | int) -> list[PlannedCell]:
    return plan_cells(expand_grids([StudyGrid("", {name: (value,) for name, value in axes.items()})]), context)


def hashes(context: StudyContext = CONTEXT, **axes: str | int) -> list[str]:
    return [cell.hash for cell in cells(context, **axes)]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, networks={**one.networks, "demo": {"parameters": "w", "labels": "y"}}),
        lambda one: replace(one, code="d" * 64),
        lambda one: replace(one, environment={"version of torch": "2.12"}),
        lambda one: replace(one, protocol={**one.protocol, "batch": 8}),
        lambda one: replace(one, folds=((replace(FOLDS[0][0], sha256="9" * 64), FOLDS[0][1]), FOLDS[1])),
        lambda one: replace(one, folds=((replace(FOLDS[0][0], label="up"), FOLDS[0][1]), FOLDS[1])),
    ],
    ids=["weight", "code", "package", "setting", "video", "label"],
)
def test_a_change_of_what_determines_outcomes_makes_other_cells(change: Callable[[StudyContext], StudyContext]) -> None:
    assert set(hashes()).isdisjoint(hashes(change(CONTEXT)))


@pytest.mark.parametrize("axis", [name for name in AXES if name not in ("model", "victim")])
def test_every_axis_makes_other_cells(axis: str) -> None:
    other: dict[str, str | int] = {
        "combine": "max",
        "attack": "uap", "update": "apg", "budget": "l2 8/255", "goal": "target", "from": "random-class",
        "sampler": "uniform", "through": "jpeg", "binding": "constant", "steps": "7", "seed": 3,
        "judged_sampler": "uniform", "frames": "begin", "file": "ffv1", "defense": "jpeg", "ladder": "fast",
        "detector": "temporal-consistency",
    }  # fmt: skip
    assert set(hashes()).isdisjoint(hashes(CONTEXT, **{axis: other[axis]}))


def test_networks_count_by_what_they_are_and_not_by_their_name() -> None:
    assert hashes(model="demo", victim="demo") == hashes(model="demo")
    assert set(hashes(model="demo", victim="other")).isdisjoint(hashes())
    moved = replace(CONTEXT, networks={"elsewhere": CONTEXT.networks["demo"]}, names={"elsewhere": "moved"})
    assert hashes(moved, model="elsewhere") == hashes()


def test_the_order_of_keys_and_of_videos_changes_no_hash() -> None:
    assert hash_of({"a": 1, "b": {"c": 2, "d": 3}}) == hash_of({"b": {"d": 3, "c": 2}, "a": 1})
    turned = replace(
        CONTEXT,
        networks={"demo": dict(reversed([*CONTEXT.networks["demo"].items()]))},
        folds=(FOLDS[0][::-1], FOLDS[1]),
        protocol=dict(reversed([*CONTEXT.protocol.items()])),
    )
    assert hashes(turned) == hashes()


def test_what_only_judges_leaves_the_perturbation_the_same() -> None:
    plain, defended = cells(), cells(defense="jpeg")
    assert [cell.pattern for cell in plain] == [cell.pattern for cell in defended]
    assert [cell.pattern for cell in cells(seed=1)] != [cell.pattern for cell in plain]


def test_equal_cells_are_done_once_and_stay_in_order() -> None:
    twice = [*cells(), *cells(victim="demo"), *cells(seed=1)]
    assert [cell.hash for cell in each_once(twice)] == [*hashes(), *hashes(seed=1)]


def test_a_drawn_label_stands_in_the_axes_and_without_labels_is_refused() -> None:
    assert cells(goal="target")[0].axes["goal"] == "target:left"
    with pytest.raises(LsapError, match='goal = "target" draws a label of the videos, and none has one'):
        cells(replace(CONTEXT, drawn_label=""), goal="target")


def test_comments_and_docstrings_are_no_other_code_and_a_number_is() -> None:
    one = 'def f(x: int) -> int:\n    """Says something."""\n    return x + 1  # why\n'
    assert source_digest(one) == source_digest("# first\n\ndef f(x: int) -> int:\n    return x + 1\n")
    assert source_digest(one) != source_digest(one.replace("+ 1", "+ 2"))
    assert source_digest('x = {"a", "b"} == y\n') == source_digest('x = {"a", "b"} == y  # set\n')


@given(
    st.lists(st.tuples(st.integers(0, 11), st.sampled_from("xyz")), min_size=4, max_size=60),
    st.integers(2, 4),
    st.integers(0, 9),
)
def test_folds_never_share_a_recording_and_none_is_empty(videos: list[tuple[int, str]], folds: int, seed: int) -> None:
    groups, labels = [str(group) for group, _ in videos], [label for _, label in videos]
    if len(set(groups)) < folds:
        with pytest.raises(LsapError, match="cannot make"):
            assign_folds(groups, labels, folds, seed)
        return
    chosen = assign_folds(groups, labels, folds, seed)
    assert set(chosen) == set(range(folds))
    assert all(len({fold for fold, own in zip(chosen, groups, strict=True) if own == one}) == 1 for one in groups)
    assert chosen == assign_folds(groups, labels, folds, seed)


def test_folds_of_single_recordings_have_one_size_and_spread_each_label() -> None:
    labels = ["a"] * 20 + ["b"] * 10 + ["c"] * 9
    chosen = assign_folds([str(number) for number in range(39)], labels, 3, 0)
    assert sorted(Counter(chosen).values()) == [13, 13, 13]
    for label in "abc":
        counts = Counter(fold for fold, own in zip(chosen, labels, strict=True) if own == label)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_point_says_its_attack_with_the_update() -> None:
    values = {name: axis.usual for name, axis in AXES.items()}
    assert StudyPoint({**values, "update": "apg"}).attack == "lsap:update=apg"
    assert StudyPoint({**values, "attack": "lsap:excite=0", "update": "apg"}).attack == "lsap:excite=0,update=apg"
