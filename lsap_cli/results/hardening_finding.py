"""Whether a network was hardened: a finding of paired tests alone, never of a difference by itself."""

from dataclasses import dataclass
from typing import Literal

from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.rates import Paired, is_shown

Level = Literal["good", "bad", "open"]
ACCURACY = "accuracy under the worst attacker"
FRESH_ACCURACY = "accuracy under the worst attacker that began at zeros"
FOOLING = "the fooling rate of the worst attacker"


@dataclass(frozen=True)
class HardeningFinding:
    """What the paired tests of a `harden` run say together.

    Attributes:
        level: good or bad for the network's user; open where they do not decide it.
        word: a few words.
        reason: a sentence.
    """

    level: Level
    word: str
    reason: str


def hardening_finding(results: HardenResults) -> HardeningFinding:
    """Hardened only where each test of robustness shows a gain; free of cost only where clean accuracy did not fall.

    A lower fooling rate alone proves nothing: a network that is wrong about more videos has less to lose. Nor does an
    attacker that goes on from the training's own pattern: fresh ones must gain less, too.

    Args:
        results: of `harden`.
    """
    tests = {
        ACCURACY: _outcome(results.robust_change, rises=True),
        FRESH_ACCURACY: _outcome(results.fresh_change, rises=True),
        FOOLING: _outcome(results.fooled_change, rises=False),
    }
    measured = {name: one for name, one in tests.items() if one}
    if not measured:
        return HardeningFinding("open", "NOT JUDGED", "")
    worse = [name for name, one in measured.items() if one == "worse"]
    if worse:
        return HardeningFinding("bad", "NOT HARDENED", f"Shown to be worse than before: {', '.join(worse)}.")
    open_ones = [name for name, one in measured.items() if one == "open"]
    if open_ones:
        return HardeningFinding("open", "UNDECIDED", f"Not shown to be better than before: {', '.join(open_ones)}.")
    return _with_cost(results.clean_change, f"Shown to be better than before: {', '.join(measured)}.")


def _with_cost(clean: Paired, gain: str) -> HardeningFinding:
    if clean.lost <= clean.gained:
        return HardeningFinding("good", "HARDENED", gain)
    if is_shown(clean.p):
        return HardeningFinding("open", "HARDENED, AT A COST", f"{gain} Clean accuracy is shown to be lower.")
    return HardeningFinding(
        "open", "HARDENED, COST UNDECIDED", f"{gain} Clean accuracy is lower, which these videos do not decide."
    )


def _outcome(change: Paired | None, rises: bool) -> Literal["better", "worse", "open", ""]:
    """What a test shows; empty where it was not made.

    Args:
        change: gained are videos for which the outcome is true of the hardened network only.
        rises: whether more of them are better.
    """
    if change is None:
        return ""
    if change.gained == change.lost or not is_shown(change.p):
        return "open"
    return "better" if (change.gained > change.lost) == rises else "worse"
