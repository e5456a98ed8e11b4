"""What `harden` made, on the terminal, in sentences and on a page."""

from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from lsap_cli.reports.hardening import hardening_table, write_hardening_report
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.hardening import FreshAttacker, HardenResults, JudgedNetwork, WorstAttack
from lsap_cli.results.hardening_words import hardening_sentences, ladder_command
from lsap_cli.results.rates import Paired, Rate, paired, rate_of
from lsap_cli.results.rows import Row
from lsap_cli.results.training import SplitPart
from lsap_cli.results.verdict import key_figures, verdict_of
from lsap_cli.runs import Run


def share(count: int, of: int = 40) -> Rate:
    made = rate_of(count, of)
    assert made is not None
    return made


def network(name: str, clean: int, fooled: int | None) -> JudgedNetwork:
    if fooled is None:
        return JudgedNetwork(name=name, clean_accuracy=share(clean))
    rows = [
        Row(attack=attack, defense="none", sampler="uniform", videos=40, attacked_accuracy=share(40 - count),
            fooling_rate=share(count) if attack != "none" else None)
        for attack, count in (("none", 0), ("noise", 1), ("fresh, seed 1", fooled))
    ]  # fmt: skip
    return JudgedNetwork(
        name=name, clean_accuracy=share(clean), rows=tuple(rows), noise_fooling_rate=share(1),
        robust_accuracy=WorstAttack(attack="fresh, seed 1", rate=share(40 - fooled)),
        fooling_rate=WorstAttack(attack="fresh, seed 1", rate=share(fooled)),
    )  # fmt: skip


def results_of(before: int | None, after: int | None, pattern: str | None = "out/pattern.safetensors") -> HardenResults:
    """30 of 40 fooled before, say, 6 of them after; one video is lost clean."""
    part = SplitPart(videos=40, recordings=40)
    fooled_change: Paired | None = None
    robust_change: Paired | None = None
    if before is not None and after is not None:
        fooled = [[number < count for number in range(40)] for count in (before, after)]
        fooled_change = paired(fooled[0], fooled[1])
        robust_change = paired(*[[not one for one in side] for side in fooled])
    attacker = FreshAttacker(
        attack="fresh, seed 1", seed=1, begins_at="zeros", steps=300, before="attackers/b.safetensors",
        after="attackers/a b.safetensors",
    )  # fmt: skip
    return HardenResults(
        fit=part, held_out=part, out="out", model="demo", method="universal", norm="linf", epsilon="8/255",
        binding="constant", pattern=pattern,
        before=network("net", 40, before), after=network("net-hardened", 39, after),
        clean_change=Paired(gained=0, lost=1, of=40, p=1.0), robust_change=robust_change,
        fresh_change=robust_change, fooled_change=fooled_change,
        attackers=() if before is None else (attacker,),
    )  # fmt: skip


def test_the_sentences_say_what_robustness_cost_and_how_much_fooling_fell() -> None:
    shown, cost, fooling, robust = hardening_sentences(results_of(30, 6))
    assert shown.startswith("Shown to be better than before: accuracy under the worst attacker, ")
    assert cost == (
        "Hardening cost 1 of 40 held-out videos in clean accuracy: the network before is right about 40 of 40 (1.00, "
        "0.91–1.00), the hardened one about 39 of 40 (0.97, 0.87–1.00); 0 gained, 1 lost (p = 1, McNemar)."
    )
    assert fooling.startswith("The fooling rate of the worst attacker fell by 0.60: 30 of 40 (0.75, ")
    assert "noise changes 1 of 40" in fooling
    assert "0 gained, 24 lost (p = 1.2e-07, McNemar)" in fooling
    assert robust.startswith("Each under its own worst attacker, the network before is right about 10 of 40")


def test_the_verdict_is_as_good_as_the_paired_tests() -> None:
    words = [verdict_of(results_of(*pair)).word for pair in ((30, 6), (30, 28), (20, 30), (None, None))]
    assert words == ["HARDENED, COST UNDECIDED", "UNDECIDED", "NOT HARDENED", "NOT JUDGED"]
    assert [one.name for one in key_figures(results_of(30, 6))] == [
        "clean before", "clean after", "fooled before", "fooled after",
    ]  # fmt: skip


def test_a_network_is_hardened_without_a_doubt_only_where_no_clean_accuracy_is_lost() -> None:
    for lost, gained, word in ((0, 0, ""), (2, 2, ""), (2, 1, ", COST UNDECIDED"), (9, 1, ", AT A COST")):
        p = paired([True] * lost + [False] * gained, [False] * lost + [True] * gained).p
        results = replace(results_of(30, 6), clean_change=Paired(gained=gained, lost=lost, of=40, p=p))
        assert verdict_of(results).word == f"HARDENED{word}"
        assert (verdict_of(results).level == "good") == (not word)


def test_fewer_fooled_videos_are_no_hardening_where_accuracy_under_attack_is_lower() -> None:
    """A network that is wrong about more videos has fewer predictions left to change."""
    lower = paired([True] * 28 + [False] * 12, [True] * 19 + [False] * 21)
    verdict = verdict_of(replace(results_of(30, 6), robust_change=lower, fresh_change=lower))
    assert (verdict.level, verdict.word) == ("bad", "NOT HARDENED")
    assert verdict.sentence.startswith("Shown to be worse than before: accuracy under the worst attacker, ")


def test_a_network_that_fresh_attackers_still_fool_is_not_shown_to_be_hardened() -> None:
    alike = paired([True] * 10 + [False] * 30, [True] * 11 + [False] * 29)
    verdict = verdict_of(replace(results_of(30, 6), fresh_change=alike))
    assert (verdict.level, verdict.word) == ("open", "UNDECIDED")
    assert "Not shown to be better than before: accuracy under the worst attacker that began at zeros." in (
        verdict.sentence
    )


def test_the_ladder_goes_on_from_the_pattern_or_from_the_worst_attacker() -> None:
    assert "--perturbation out/pattern.safetensors --adaptive" in ladder_command(results_of(30, 6), "run")
    assert "--perturbation 'run/attackers/a b.safetensors'" in ladder_command(results_of(30, 6, None), "run")
    assert ladder_command(results_of(None, None, None), "run") == ""


def test_the_table_and_the_page_show_both_networks(tmp_path: Path) -> None:
    results = results_of(30, 6)
    console = Console(width=140)
    with console.capture() as shown:
        console.print(hardening_table(results))
    assert "0.75 (30/40" in shown.get()
    with Run(tmp_path / "run", "harden", {}, []):
        pass
    write_document(tmp_path / "run" / RESULTS_FILE, results)
    page = write_hardening_report(tmp_path / "run").read_text(encoding="utf-8")
    for words in ("fell by 0.60", "fresh, seed 1", "0.15 (6/40", "lsap defend out/held_out.csv", "net, hardened"):
        assert words in page
    assert (tmp_path / "run" / "tables" / "hardening.csv").is_file()
