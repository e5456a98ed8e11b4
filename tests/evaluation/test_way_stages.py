from lsap_cli.evaluation.way_stages import way_stages
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.records import Record, RecordClasses
from lsap_cli.results.way_stages import CODEC, stage_words

SAMPLERS = ("uniform", "random")


def records(defense: str, sampler: str, predictions: list[int]) -> list[Record]:
    """Of videos that are predicted as class 0 without a perturbation, but for the last, which is of class 1."""
    clean = [0] * (len(predictions) - 1) + [1]
    return [
        Record(
            video=f"{number}.mkv", attack="perturbed", defense=defense, sampler=sampler, prediction=str(label),
            clean_prediction=str(before), changed=label != before,
            classes=RecordClasses(labels=(), prediction=label, clean_prediction=before),
        )
        for number, (label, before) in enumerate(zip(predictions, clean, strict=True))
    ]  # fmt: skip


MEASURED = [
    *records("none", "uniform", [1, 2, 0, 1]),
    *records("none", "random", [1, 2, 2, 2]),
    *records("none", "segments", [0, 0, 0, 1]),  # it was learned through
    *records(CODEC, "uniform", [1, 0, 0, 1]),
    *records(CODEC, "random", [1, 1, 2, 1]),
]
BEFORE: dict[str, dict[str, Rate | None]] = {
    "network size": {"uniform": rate_of(4, 4), "random": rate_of(3, 4)},
    "resized": {"uniform": None},
}


def test_stages_are_ranges_over_the_samplers_that_are_asked_for() -> None:
    stages = way_stages(BEFORE, MEASURED, SAMPLERS, None)
    assert [(one.stage, one.rates.lowest.count, one.rates.lowest.of, one.rates.worst) for one in stages] == [
        ("network size", 3, 4, "random"),
        ("file", 2, 4, "uniform"),
        (CODEC, 1, 4, "uniform"),
    ]
    words = ["added at the network's size", "in the video's own frames", f"after {CODEC}"]
    assert [stage_words(one) for one in stages] == words


def test_a_targeted_rate_leaves_out_videos_of_the_target() -> None:
    stages = way_stages(BEFORE, MEASURED, SAMPLERS, 1)
    found = [(one.stage, one.rates.lowest.count, one.rates.highest.count, one.rates.lowest.of) for one in stages[1:]]
    assert found == [("file", 1, 1, 3), (CODEC, 1, 2, 3)]
