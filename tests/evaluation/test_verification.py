"""The warnings of a verification: over videos, the samplers beside each other."""

import pytest

from lsap_cli.evaluation.verification import make_verification, sampler_range, seed_rates, verification_warnings
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, PERTURBED, Record, RecordClasses

SAMPLERS = ("uniform", "random", "segments")


def make_record(attack: str, video: int, sampler: str, changed: bool, label: int = 1) -> Record:
    prediction = label if changed else 0
    return Record(
        video=f"{video}.mp4", attack=attack, defense=NO_DEFENSE, sampler=sampler, prediction=f"class {prediction}",
        clean_prediction="class 0", changed=changed, recording=f"{video}", milliseconds=0.0,
        classes=RecordClasses(labels=(), prediction=prediction, clean_prediction=0),
    )  # fmt: skip


def make_records(fooled: int, by_noise: int, videos: int = 13, labels: int = 2) -> list[Record]:
    """The first `fooled` videos are fooled through all samplers, the first `by_noise` by noise."""
    return [
        make_record(attack, video, sampler, video < count, 1 + video % labels)
        for attack, count in ((NO_ATTACK, 0), (NOISE, by_noise), (PERTURBED, fooled))
        for sampler in SAMPLERS
        for video in range(videos)
    ]


def warnings(records: list[Record]) -> list[str]:
    return list(verification_warnings(make_verification(records, None, None), PERTURBED, targeted=False))


@pytest.mark.parametrize(("fooled", "by_noise", "better"), [(6, 0, True), (5, 0, False), (8, 2, True), (6, 2, False)])
def test_better_than_noise_is_shown_by_videos_not_by_their_clips(fooled: int, by_noise: int, better: bool) -> None:
    """Exact sign test: 6 of 6 differing videos have p 0.03, 5 of 5 have 0.06; counted as clips, 15 of 15 would pass."""
    about_noise = [
        one for one in warnings(make_records(fooled, by_noise)) if one.startswith("not shown to be better than noise")
    ]
    assert bool(about_noise) != better
    if not better:
        assert f"of 13 videos, {fooled - by_noise} are fooled through more samplers than by noise" in about_noise[0]
        assert "of the same budget, 0" in about_noise[0]


def test_noise_that_does_more_is_warned_of() -> None:
    (warning,) = warnings(make_records(0, 9))
    assert "0 are fooled through more samplers than by noise of the same budget, 9 through fewer" in warning


def test_one_label_for_nearly_all_fooled_clips_is_told() -> None:
    assert [one[:20] for one in warnings(make_records(12, 0, labels=1))] == ["one label, class 1, "]
    assert warnings(make_records(12, 0, labels=3)) == []


def test_a_rate_counts_videos_and_its_range_is_over_samplers() -> None:
    records = make_records(6, 0)
    records += [make_record(PERTURBED, video, "rate:fps=5", video < 2) for video in range(13)]
    records += [make_record(NO_ATTACK, video, "rate:fps=5", False) for video in range(13)]
    rows = make_verification(records, None, None).rows
    found = sampler_range(rows, PERTURBED)
    assert found is not None
    assert (found.worst, found.lowest.count, found.lowest.of) == ("rate:fps=5", 2, 13)
    assert (found.best, found.highest.count, found.highest.of) == ("uniform", 6, 13)
    assert seed_rates(rows, {0: PERTURBED}, targeted=False).rates == {"0": found.lowest}
