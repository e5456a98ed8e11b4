"""A run's answer in a sentence: each figure in it is of the attack that the sentence is about."""

from lsap_cli.results.documents import DefendResults
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.rows import DefenseGain, Row
from lsap_cli.results.verdict import verdict_of


def share(count: int) -> Rate:
    made = rate_of(count, 8)
    assert made is not None
    return made


def row(attack: str, defense: str, right: int) -> Row:
    fooled = None if attack == "none" else share(8 - right)
    return Row(
        attack=attack, defense=defense, sampler="uniform", videos=8, clean_accuracy=share(8),
        attacked_accuracy=share(right), fooling_rate=fooled,
    )  # fmt: skip


def test_the_paired_test_is_that_of_the_perturbation_and_not_of_clean_videos() -> None:
    rows = [row(attack, defense, right) for attack, defense, right in (
        ("none", "none", 8), ("none", "gray", 8), ("noise", "none", 8), ("noise", "gray", 8),
        ("p", "none", 1), ("p", "gray", 3),
    )]  # fmt: skip
    gains = [
        DefenseGain(attack=attack, sampler="uniform", defense="gray", gained=gained, lost=lost, of=8, adjusted_p=p)
        for attack, gained, lost, p in (("none", 0, 0, None), ("noise", 0, 0, None), ("p", 3, 1, 0.625))
    ]
    sentence = verdict_of(DefendResults(rows=tuple(rows), defense_gains=tuple(gains))).sentence
    assert "3 of 8 right" in sentence
    assert "3 gained, 1 lost of 8, p = 0.62 after Holm" in sentence
