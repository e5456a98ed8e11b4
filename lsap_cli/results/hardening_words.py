"""What `harden` made, in sentences: what robustness cost, and how much of the attack it took away."""

import shlex
from pathlib import PurePath

from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.hardening_finding import hardening_finding
from lsap_cli.results.rates import Paired, Rate, p_words


def hardening_sentences(results: HardenResults) -> list[str]:
    """What is shown; the cost in clean accuracy, the worst attacker before and after, and accuracy under attack.

    Args:
        results: of `harden`.
    """
    return [
        sentence
        for sentence in (
            hardening_finding(results).reason,
            _cost(results),
            _fooling(results),
            _robust(results),
            _behind(results),
            *(f"{one[0].upper()}{one[1:].rstrip('.')}." for one in results.warnings if one),
        )
        if sentence
    ]


def hardening_answer(results: HardenResults) -> str:
    """What is shown, and the accuracy under attack that it rests on."""
    shown = (hardening_finding(results).reason, _robust(results) or _fooling(results))
    return " ".join(sentence for sentence in shown if sentence)


def ladder_command(results: HardenResults, run_folder: str) -> str:
    """The command line that runs the ladder of adaptive attacks on the hardened network; empty without a perturbation.

    Args:
        results: of `harden`.
        run_folder: where the attackers' perturbations are.
    """
    out = PurePath(results.out)
    given = results.pattern
    if given is None and results.after.fooling_rate is not None:
        worst = results.after.fooling_rate.attack
        given = next((str(PurePath(run_folder) / one.after) for one in results.attackers if one.attack == worst), None)
    if given is None:
        return ""
    words = ["lsap", "defend", str(out / "held_out.csv"), "--model", results.out, "--perturbation", given]
    words += ["--adaptive", "--fit", str(out / "fit.csv"), "--defense", results.defense or "none"]
    return shlex.join(words)


def _cost(results: HardenResults) -> str:
    before, after = results.before.clean_accuracy, results.after.clean_accuracy
    lost = before.count - after.count
    changed = (
        f"cost {lost} of {before.of} held-out videos in clean accuracy"
        if lost > 0
        else f"won {-lost} of {before.of} held-out videos in clean accuracy"
        if lost < 0
        else "cost no clean accuracy"
    )
    difference = results.accuracy_difference
    interval = f", a difference of {difference.value:+.2f} ({difference.interval})" if difference else ""
    return (
        f"Hardening {changed}: the network before is right about {_of(before)}, the hardened one about {_of(after)}"
        f"{interval}; {_pair(results.clean_change)}."
    )


def _fooling(results: HardenResults) -> str:
    """How much the worst attacker's fooling rate fell."""
    before, after = results.before.fooling_rate, results.after.fooling_rate
    if before is None or after is None or results.fooled_change is None:
        return "No attacker was learned (--no-judge): whether it withstands one is not known."
    least = before.rate.value - after.rate.value
    moved = f"fell by {least:.2f}" if least > 0 else "did not fall"
    noise = results.after.noise_fooling_rate
    beside = f"; noise changes {_of(noise)}" if noise else ""
    return (
        f"The fooling rate of the worst attacker {moved}: {_of(before.rate)} before ({before.attack}), "
        f"{_of(after.rate)} after ({after.attack}){beside}; {_pair(results.fooled_change)}."
    )


def _robust(results: HardenResults) -> str:
    before, after = results.before.robust_accuracy, results.after.robust_accuracy
    if before is None or after is None or results.robust_change is None:
        return ""
    return (
        f"Each under its own worst attacker, the network before is right about {_of(before.rate)}, the hardened one "
        f"about {_of(after.rate)}; {_pair(results.robust_change)}."
        + (f" Of attackers that began at zeros: {_pair(results.fresh_change)}." if results.fresh_change else "")
    )


def _behind(results: HardenResults) -> str:
    if results.defense is None or results.undefended_before is None:
        return ""
    return (
        f"All of this is behind the defense {results.defense}; without it, the network before is right about "
        f"{_of(results.undefended_before)}."
    )


def _of(rate: Rate) -> str:
    return f"{rate.count} of {rate.of} ({rate.value:.2f}, {rate.interval})"


def _pair(pair: Paired) -> str:
    test = "" if pair.p is None else ", McNemar"
    return f"{pair.gained} gained, {pair.lost} lost ({p_words(pair.p)}{test})"
