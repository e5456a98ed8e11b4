from dataclasses import dataclass

from lsap_cli.results.per_class import ClassOutcomes, class_outcomes
from lsap_cli.results.records import Record, RecordClasses


@dataclass(frozen=True)
class Seen:
    """A video of a made-up run: its label, and what it was taken for when clean and when perturbed."""

    label: str | None
    clean: str
    perturbed: str


def records(videos: list[Seen], defense: str = "none") -> list[Record]:
    return [
        Record(
            video=f"{number}.mp4", label=video.label, attack=attack, defense=defense, sampler="uniform",
            prediction=prediction, clean_prediction=video.clean,
            correct=None if video.label is None else prediction == video.label, changed=prediction != video.clean,
        )
        for number, video in enumerate(videos)
        for attack, prediction in (("none", video.clean), ("universal", video.perturbed))
    ]  # fmt: skip


def taken_for(found: ClassOutcomes, label: str, attack: str) -> list[tuple[str, int, int]]:
    outcome = found.find(label, attack)
    assert outcome is not None
    return [(one.label, one.share.count, one.share.of) for one in outcome.taken_for]


def test_each_class_has_its_accuracy_and_its_wrong_classes_the_most_frequent_first() -> None:
    videos = [Seen("dog", "dog", "cat")] * 2 + [Seen("dog", "dog", "cow"), Seen("cat", "dog", "cat")]
    found = class_outcomes(records(videos), "none", "uniform")
    assert found.labeled
    assert found.labels == ["cat", "dog"]
    dog = found.find("dog", "universal")
    assert dog is not None
    assert dog.accuracy is not None
    assert (dog.accuracy.count, dog.accuracy.of) == (0, 3)
    assert dog.fooling_rate is not None
    assert (dog.fooling_rate.count, dog.fooling_rate.of) == (3, 3)
    assert taken_for(found, "dog", "universal") == [("cat", 2, 3), ("cow", 1, 3)]
    assert taken_for(found, "cat", "none") == [("dog", 1, 1)]
    assert taken_for(found, "cat", "universal") == []


def test_counts_of_classes_add_up_to_the_rows() -> None:
    videos = [Seen("a", "a", "b"), Seen("b", "b", "b"), Seen("c", "a", "c"), Seen("a", "a", "a")]
    found = class_outcomes(records(videos), "none", "uniform")
    attacked = [one for one in found.outcomes if one.attack == "universal"]
    assert sum(one.videos for one in attacked) == 4
    assert sum(one.accuracy.count for one in attacked if one.accuracy) == 3
    wrong = sum(each.share.count for one in attacked for each in one.taken_for)
    assert wrong + 3 == 4


def test_without_labels_the_clean_prediction_is_the_class() -> None:
    found = class_outcomes(records([Seen(None, "dog", "cat"), Seen(None, "dog", "dog")]), "none", "uniform")
    assert not found.labeled
    assert taken_for(found, "dog", "universal") == [("cat", 1, 2)]
    dog = found.find("dog", "universal")
    assert dog is not None
    assert dog.accuracy is None


def test_videos_without_a_label_among_labeled_ones_are_counted_as_left_out() -> None:
    found = class_outcomes(records([Seen("dog", "dog", "cat"), Seen(None, "dog", "dog")]), "none", "uniform")
    assert found.without_label == 1
    assert found.labels == ["dog"]


def test_other_labels_that_count_as_right_are_no_mistake() -> None:
    record = Record(
        video="a.mp4", label="boxing", also_accepted=("punching",), attack="none", defense="none", sampler="uniform",
        prediction="punching", clean_prediction="punching", correct=True, changed=False,
    )  # fmt: skip
    found = class_outcomes([record], "none", "uniform")
    assert taken_for(found, "boxing", "none") == []


def test_only_the_asked_defense_is_counted() -> None:
    both = records([Seen("dog", "dog", "cat")]) + records([Seen("dog", "dog", "dog")] * 2, "jpeg")
    found = class_outcomes(both, "jpeg", "uniform")
    dog = found.find("dog", "universal")
    assert dog is not None
    assert (dog.videos, dog.taken_for) == (2, ())


def test_two_classes_of_one_name_stay_apart() -> None:
    def record(number: int, prediction: int) -> Record:
        return Record(
            video=f"{number}.mp4", label="play", attack="none", defense="none", sampler="uniform", prediction="play",
            clean_prediction="play", correct=number == prediction, changed=False,
            classes=RecordClasses(labels=(number,), prediction=prediction, clean_prediction=prediction),
        )  # fmt: skip

    found = class_outcomes([record(3, 3), record(7, 3)], "none", "uniform")
    assert found.labels == ["play (class 3)", "play (class 7)"]
    assert taken_for(found, "play (class 7)", "none") == [("play (class 3)", 1, 1)]
