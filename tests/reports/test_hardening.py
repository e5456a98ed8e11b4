"""What `harden` made, on the terminal, in sentences and on a page."""

from pathlib import Path

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
    change: Paired | None = None
    if before is not None and after is not None:
        fooled = [[number < count for number in range(40)] for count in (before, after)]
        change = paired(fooled[0], fooled[1])
    attacker = FreshAttacker(
        attack="fresh, seed 1", seed=1, begins_at="zeros", steps=300, before="attackers/b.safetensors",
        after="attackers/a b.safetensors",
    )  # fmt: skip
    return HardenResults(
        fit=part, held_out=part, out="out", model="demo", method="universal", norm="linf", epsilon="8/255",
        binding="constant", pattern=pattern,
        before=network("net", 40, before), after=network("net-hardened", 39, after),
        clean_change=Paired(gained=0, lost=1, of=40, p=1.0), robust_change=change, fooled_change=change,
        attackers=() if before is None else (attacker,),
    )  # fmt: skip


def test_the_sentences_say_what_robustness_cost_and_how_much_fooling_fell() -> None:
    cost, fooling, robust = hardening_sentences(results_of(30, 6))
    assert cost == (
        "Hardening cost 1 of 40 held-out videos in clean accuracy: the network before is right about 40 of 40 (1.00, "
        "0.91–1.00), the hardened one about 39 of 40 (0.97, 0.87–1.00); 0 gained, 1 lost (p = 1, McNemar)."
    )
    assert fooling.startswith("The fooling rate of the worst attacker fell by 0.60: 30 of 40 (0.75, ")
    assert "noise of the same size changes 1 of 40" in fooling
    assert "0 gained, 24 lost (p = 1.2e-07, McNemar)" in fooling
    assert robust.startswith("Each under its own worst attacker, the network before is right about 10 of 40")


def test_the_verdict_is_as_good_as_the_paired_test() -> None:
    words = [verdict_of(results_of(*pair)).word for pair in ((30, 6), (30, 28), (20, 30), (None, None))]
    assert words == ["HARDENED", "UNDECIDED", "NOT HARDENED", "NOT JUDGED"]
    assert [one.name for one in key_figures(results_of(30, 6))] == [
        "clean before", "clean after", "fooled before", "fooled after",
    ]  # fmt: skip


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
