from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from lsap_cli.reports.tables import format_rate, results_table, train_table
from lsap_cli.results.documents import DefendResults, GenerateResults, Protocol, SkippedVideo
from lsap_cli.results.left_out import left_out_words
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.rates import Estimate, Rate, rate_of
from lsap_cli.results.rows import DefenseGain, Row, Rows, TwoClassRates
from lsap_cli.results.spread import GeneratedSeeds
from lsap_cli.results.summary import summary_sentence, training_sentence
from lsap_cli.results.text import printable
from lsap_cli.results.training import ClassAccuracy, SplitPart, TrainResults
from tests.reports.fake_run import make_results
from tests.result_objects import known


def shown(results: DefendResults, width: int = 80) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(results_table(results))
    return capture.get()


def row(attack: str, defense: str = "none", sampler: str = "uniform", **rates: tuple[int, int]) -> Row:
    """A row with rates given as (count, of)."""
    given = {name: rate_of(*counts) for name, counts in rates.items()}
    return Row(attack=attack, defense=defense, sampler=sampler, videos=12, **given)  # type: ignore[arg-type]  # rates


def summary(*rows: Row, target: str | None = None, gains: tuple[DefenseGain, ...] = ()) -> str:
    protocol = Protocol(classifier="demo", classes=6, videos=12, labelled=12, frames=16, target=target)
    return summary_sentence(DefendResults(rows=rows, protocol=protocol, defense_gains=gains))


def gain(defense: str, gained: int, lost: int, adjusted_p: float) -> DefenseGain:
    return DefenseGain(
        attack="r", sampler="uniform", defense=defense, gained=gained, lost=lost, of=12, p=0.01, adjusted_p=adjusted_p
    )


def test_a_rate_is_written_with_its_count_and_interval() -> None:
    assert format_rate(rate_of(10, 12)) == "0.83 (10/12, 0.55–0.95)"


def test_a_rate_of_nothing_is_a_dash() -> None:
    assert format_rate(rate_of(0, 0)) == "–"


def test_intervals_that_share_a_value_overlap() -> None:
    low, middle, high = (Rate(value=v, count=1, of=2, low=v - 0.1, high=v + 0.1) for v in (0.2, 0.35, 0.5))
    assert low.overlaps(middle)
    assert middle.overlaps(low)
    assert not low.overlaps(high)


def test_control_direction_and_surrogate_characters_are_shown_as_escapes() -> None:
    assert printable("a\x1b[31m\u202e\udcff\nß") == "a\\x1b[31m\\u202e\\udcff\\nß"


def test_the_undefended_row_comes_first_whatever_the_order() -> None:
    rows = Rows.of_every_defense([row("none", "jpeg:quality=75"), row("none")])
    assert rows.defenses == ["none", "jpeg:quality=75"]


def test_names_and_cells_of_rows_are_looked_up_once() -> None:
    rows = Rows(make_results()[0].rows)
    assert rows.samplers is rows.samplers
    assert rows.defenses is rows.defenses
    assert rows.attacks is rows.attacks
    twice = Rows((*rows.rows, *(replace(row, videos=0) for row in rows.rows)))
    assert all(twice.find(*row.cell) is row for row in rows.rows)  # the first one counts


@pytest.mark.parametrize(
    "variation",
    [
        {},
        {"labelled": False},
        {"target": "tai_chi"},
        {"target": "tai_chi", "videos": 1200},
        {"samplers": ("uniform", "dense:stride=2", "random")},
        {"attacks": ("none", "noise", "one", "two")},
    ],
)
def test_the_table_fits_80_columns_and_shows_every_count(variation: dict[str, Any]) -> None:
    results, _ = make_results(**variation)
    text = shown(results)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "…" not in text
    rates = [known(entry.attacked_accuracy) for entry in results.rows if variation.get("labelled", True)]
    rates = rates or [entry.fooling_rate for entry in results.rows if entry.fooling_rate]
    assert rates
    for rate in rates:
        assert f"{rate.count}/{rate.of}" in text
        assert rate.interval in text


def test_the_table_has_a_block_for_each_sampler() -> None:
    results, _ = make_results(samplers=("uniform", "random"))
    lines = [line.strip() for line in shown(results, width=120).splitlines()]
    assert "sampler uniform" in lines
    assert "sampler random" in lines


def test_markup_and_escape_sequences_in_names_do_not_reach_the_terminal() -> None:
    results, _ = make_results(defenses=("none", "[red]x[/red]\x1b[31m"))
    text = shown(results)
    assert "[red]x" in text
    assert "\x1b" not in text


def test_the_summary_says_what_perturbation_noise_and_accuracy_are() -> None:
    text = summary(
        row("none", clean_accuracy=(11, 12), fooling_rate=(0, 12)),
        row("noise", attacked_accuracy=(11, 12), fooling_rate=(0, 12)),
        row("r", attacked_accuracy=(2, 12), fooling_rate=(10, 12)),
        row("none", "a", clean_accuracy=(9, 12)),
        row("r", "a", attacked_accuracy=(4, 12), fooling_rate=(7, 12)),
        row("none", "b", clean_accuracy=(8, 12)),
        row("r", "b", attacked_accuracy=(6, 12), fooling_rate=(6, 12)),
        gains=(gain("a", 2, 0, 0.5), gain("b", 6, 2, 0.031)),
    )
    assert text == (
        "The perturbation “r” changed the prediction of 10 of 12 videos (fooling rate 0.83, 95 % interval "
        "0.55–0.95); noise of the same budget changed 0 of 12 (0.00, 0.00–0.24). This run has no paired test against "
        "noise; the two intervals lie apart. The classifier is right about 11 of 12 clean videos and 2 of 12 perturbed "
        "ones. Of 2 defenses, b helps most: 6 of 12 perturbed "
        "videos right (0.50, 95 % interval 0.25–0.75; without it 2), 8 of 12 clean ones; against no defense 6 gained, "
        "2 lost of 12, p = 0.031 after Holm."
    )


@pytest.mark.parametrize(("used", "skipped", "words"), [
    (12, [], ""),
    (11, ["a.mp4"], "1 of 12 videos was left out"),
    (10, ["a.mp4", "b.mp4", "a.mp4"], "2 of 12 videos were left out"),
])  # fmt: skip
def test_videos_that_were_left_out_are_counted_once(used: int, skipped: list[str], words: str) -> None:
    assert left_out_words(used, [SkippedVideo(path=path, reason="") for path in skipped]) == words


def test_the_summary_does_not_call_it_an_effect_when_noise_does_as_much() -> None:
    text = summary(row("noise", fooling_rate=(4, 12)), row("r", fooling_rate=(4, 12)))
    assert "So the perturbation did no more than noise." in text


def test_the_summary_says_when_the_intervals_overlap() -> None:
    text = summary(row("noise", fooling_rate=(3, 12)), row("r", fooling_rate=(6, 12)))
    assert "no paired test against noise, and the two intervals overlap" in text


def test_the_summary_says_that_a_missing_noise_control_leaves_a_question_open() -> None:
    assert "without a noise control" in summary(row("r", fooling_rate=(9, 12)))


def test_the_summary_of_unlabelled_videos_ranks_defenses_by_fooling_rate() -> None:
    text = summary(
        row("none", fooling_rate=(0, 12)),
        row("noise", fooling_rate=(0, 12)),
        row("r", fooling_rate=(9, 12)),
        row("none", "a", fooling_rate=(2, 12)),
        row("r", "a", fooling_rate=(3, 12)),
        row("r", "b", fooling_rate=(5, 12)),
    )
    assert "The videos have no labels" in text
    assert "No defense is shown to help; of 2, a leaves most: 3 of 12 predictions changed" in text
    assert "this run has no paired test" in text
    assert "without any attack it changes 2 of 12 by itself" in text


def test_the_summary_of_a_targeted_run_names_the_target_and_its_success_rate() -> None:
    text = summary(
        row("noise", success_rate=(0, 11), fooling_rate=(1, 12)),
        row("r", success_rate=(7, 11), fooling_rate=(9, 12)),
        target="yoga",
    )
    assert "turned 7 of 11 videos into “yoga” (success rate 0.64" in text
    assert "noise of the same budget turned 0 of 11" in text
    assert "It changed the prediction of 9 of 12." in text


def test_the_summary_says_how_large_the_noise_was_where_that_was_measured() -> None:
    results = DefendResults(
        rows=(row("noise", fooling_rate=(0, 12)), row("r", fooling_rate=(9, 12))),
        effective=EffectiveNorms(linf=8, l2_rms=6.75, map=6.1),
        effective_noise=EffectiveNorms(linf=8, l2_rms=6.71, map=6.0),
    )
    assert "; noise of root mean square 6.71/255 (the perturbation: 6.75/255) changed 0 of 12" in summary_sentence(
        results
    )
    several = replace(results, rows=(*results.rows, row("q", fooling_rate=(1, 12))))
    assert "; noise of root mean square 6.71/255 changed 0 of 12" in summary_sentence(several)


def test_a_difference_that_chance_explains_is_no_finding() -> None:
    rows = [row("r", attacked_accuracy=(5, 12)), row("r", "a", attacked_accuracy=(8, 12))]
    assert "The defense a is not shown to help: 8 of 12" in summary(*rows, gains=(gain("a", 3, 0, 0.25),))
    assert "The defense a helps: 8 of 12" in summary(*rows, gains=(gain("a", 9, 0, 0.004),))


def test_the_summary_says_when_no_defense_helps() -> None:
    rows = [row("r", attacked_accuracy=(5, 12)), row("r", "a", attacked_accuracy=(5, 12))]
    assert "The defense a does no better than no defense." in summary(*rows)
    assert "None of the 2 defenses does better" in summary(*rows, row("r", "b", attacked_accuracy=(4, 12)))


def test_the_summary_says_when_no_defense_was_tried() -> None:
    assert summary(row("r", fooling_rate=(5, 12))).endswith("No defense was tried.")


def test_the_summary_gives_the_range_over_samplers() -> None:
    text = summary(row("r", fooling_rate=(9, 12)), row("r", sampler="random", fooling_rate=(5, 12)))
    assert text.startswith("With the sampler uniform, the perturbation “r” changed")
    assert "Over 2 samplers the fooling rate goes from 5/12 (random) to 9/12 (uniform)." in text


def test_the_summary_speaks_of_the_most_harmful_of_several_perturbations() -> None:
    text = summary(row("a", fooling_rate=(3, 12)), row("b", fooling_rate=(8, 12)))
    assert text.startswith("“b”, the strongest of 2 perturbations, changed the prediction of 8 of 12")


def test_without_perturbed_rows_the_summary_says_so() -> None:
    text = summary(row("none", clean_accuracy=(11, 12)), row("noise", fooling_rate=(1, 12)))
    assert text.startswith("No perturbed videos were measured.")
    assert "right about 11 of 12 clean videos" in text
    assert "Noise changed the prediction of 1 of 12 videos" in text


def test_a_run_without_rows_measured_nothing() -> None:
    assert summary() == "Nothing was measured: the run has no rows."


def generated(standard_deviation: float | None) -> GenerateResults:
    rates = {"0": rate_of(9, 12), "1": rate_of(6, 12)}
    seeds = GeneratedSeeds(rates=rates, mean=0.625, standard_deviation=standard_deviation)
    rows = (row("r", fooling_rate=(9, 12)),)
    return GenerateResults(
        out="r.safetensors", attack="lsap", steps=1, fit_videos=1, verification_videos=12, rows=rows, seeds=seeds
    )


def test_the_summary_of_a_generate_run_gives_the_spread_over_its_seeds() -> None:
    spread = (
        "Over 2 seeds of the perturbation the rate with the sampler that each fools least is 0.62 with a standard "
        "deviation of 0.18."
    )
    assert spread in summary_sentence(generated(0.177))
    assert "seeds" not in summary_sentence(generated(None))


def test_the_summary_of_two_classes_has_both_kinds_of_errors() -> None:
    def two_class(missed: int, alarms: int) -> TwoClassRates:
        missing, alarming = rate_of(missed, 29), rate_of(alarms, 54)
        return TwoClassRates(threshold=0.5, positive="fight", false_negatives=missing, false_positives=alarming)

    clean = replace(row("none", clean_accuracy=(59, 83)), two_class=two_class(4, 20))
    attacked = replace(row("r", attacked_accuracy=(60, 83), fooling_rate=(21, 83)), two_class=two_class(14, 9))
    text = summary(clean, attacked)
    assert "Of 29 “fight” videos it misses 4 clean and 14 perturbed; of 54 others it takes 20 and 9 for one" in text
    assert "misses" not in summary(
        row("none", clean_accuracy=(59, 83)), row("r", attacked_accuracy=(60, 83), fooling_rate=(21, 83))
    )


def test_a_trained_network_is_told_beside_the_most_frequent_class_with_both_intervals() -> None:
    accuracy, frequent = rate_of(29, 46), rate_of(24, 46)
    assert accuracy is not None
    results = TrainResults(
        out="victim", family="tsn", backbone="resnet[18]", fit=SplitPart(videos=156, recordings=25),
        held_out=SplitPart(videos=46, recordings=7), accuracy=accuracy, most_frequent_class=frequent,
        accuracy_by_recording=Estimate(value=0.63, low=0.54, high=0.7),
        classes=(ClassAccuracy(label="fight", fit_videos=80, accuracy=rate_of(24, 24)),),
    )  # fmt: skip
    assert training_sentence(results) == (
        "The network is right about 29 of 46 held-out videos (0.63, 95 % interval 0.49–0.75); over its 7 recordings "
        "the interval is 0.54–0.70; the most frequent class alone is right about 24. The two may be equal: their "
        "intervals overlap."
    )
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(train_table(results))
    told = capture.get()
    for words in ("resnet[18]", "0.63 (29/46, 0.49–0.75)", "0.54–0.70, bootstrap", "0.52 (24/46", "1.00 (24/24"):
        assert words in told, words
