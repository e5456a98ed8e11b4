from pathlib import Path

import pytest
import torch

from defenses.corruptions import CORRUPTIONS
from defenses.testing.videos import make_noise_video, make_smooth_video
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.corruptions import corruption_names, name_of, natural_robustness
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from lsap_cli.video.changes import Changes
from tests.result_objects import known

SIZES = {name: Changes(12, 24, 12 * number**2) for number, name in enumerate(corruption_names())}


def made_up(right: dict[str, set[int]], videos: int = 4) -> list[Record]:
    """Records of videos of class 0; `right` names the corruptions' videos that are taken for it (default: all)."""
    everything = set(range(videos))
    return [
        record
        for number in range(videos)
        for record in make_records(
            Video(Path(f"{number}"), f"{number}", (0,)),
            [
                Prediction("none", name, "uniform", 0 if number in right.get(name, everything) else 1, 0)
                for name in ("none", *corruption_names())
            ],
            ["right", "wrong"],
        )
    ]


def test_the_mean_is_over_kinds_and_severities() -> None:
    found = natural_robustness(made_up({name_of("jpeg", 5): set(), name_of("blur", 2): {0}}), "uniform", SIZES)
    assert found is not None
    cells = 5 * len(CORRUPTIONS)
    assert known(found.mpc).value == pytest.approx((4 * cells - 4 - 3) / (4 * cells))
    assert found.kinds["jpeg"][4] == rate_of(0, 4)
    assert found.kinds["blur"][1] == rate_of(1, 4)
    assert found.clean == rate_of(4, 4)
    assert [size for sizes in found.l2_rms.values() for size in sizes] == list(map(float, range(cells)))
    assert known(found.mpc).low <= known(found.mpc).value <= known(found.mpc).high


def test_what_is_lost_is_relative_to_the_clean_accuracy() -> None:
    half = {name: {0, 1} for name in corruption_names()}
    found = natural_robustness(made_up(half | {"none": {0, 1, 2}}), "uniform", SIZES)
    assert found is not None
    assert known(found.rpc).value == pytest.approx(0.5 / 0.75)
    nothing = natural_robustness(made_up({"none": set()}), "uniform", SIZES)
    assert nothing is not None
    assert nothing.rpc is None


def test_without_labels_there_is_no_natural_robustness() -> None:
    assert natural_robustness([], "uniform", {}) is None


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_each_severity_changes_more_than_the_one_before(kind: str) -> None:
    video = (make_smooth_video(40) + 0.3 * (make_noise_video(40, 32, 48) - 0.5)).clamp(0, 1)
    drift = torch.linspace(0, 0.2, 40).view(-1, 1, 1, 1)
    moving = (video * 0.8 + drift).clamp(0, 1)
    sizes = [float((one(moving) - moving).square().mean()) for one in CORRUPTIONS[kind]]
    assert len(sizes) == 5
    assert sizes == sorted(sizes)
    assert sizes[0] > 0
