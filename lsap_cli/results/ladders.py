"""Adaptive attacks: the ladder of each defense and detector, checks of the attackers, budget curves."""

import re
from typing import Literal

from msgspec import field

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.per_video import PerVideoBound
from lsap_cli.results.rates import Estimate, Rate
from lsap_cli.results.records import NO_DEFENSE, NO_DEFENSE_NAME
from lsap_cli.results.rows import NetFoolingRate, Row

RungRole = Literal["transfer", "iterative", "expectation", "search", "single-step", "doubled"]
StopReason = Literal["steps", "last-round", "beaten", "interval", "no-improvement", "floor", "time", "left-out"]

WHY_STOPPED: dict[StopReason, str] = {
    "steps": "it took all its steps",
    "last-round": "it led the race and took the last round, on all fit videos",
    "beaten": "others of its round did more on the verification videos",
    "interval": "the interval of what it leaves on the verification videos does not reach down to the best",
    "no-improvement": "its last round did no more on the verification videos than the one before",
    "floor": "nothing was left to win on the verification videos",
    "time": "its share of the time budget was over",
    "left-out": "--ladder fast does not learn it; --ladder full does",
}


class RungIdentifiers(Result, frozen=True, kw_only=True):
    """Identifiers of what a rung does.

    Attributes:
        atlas: technique of MITRE ATLAS.
        nist: class of attack of NIST AI 100-2.
    """

    atlas: str
    nist: str


class MissingRung(Result, frozen=True, kw_only=True):
    """A rung that a ladder does not have.

    Attributes:
        rung: `A1` to `A5`, or `P`.
        why: the reason.
    """

    rung: str
    why: str


class AttackerEffort(Result, frozen=True, kw_only=True):
    """What an attacker that learned in the run has spent, and why it stopped.

    Attributes:
        begins_at: `zeros`, or the attack whose perturbation learning began at.
        steps: of learning that it took.
        seconds: of learning, in all parts of a resumed run.
        stopped: `steps`, `last-round`, `beaten`, `interval`, `no-improvement`, `floor`, `time` or `left-out`.
        why: the same as a sentence.
        verified: clips of verification videos that it won when it was last verified; null where it was not. Choices
            among attackers were made by these videos, so this rate is no result.
        judged: whether it was judged on the evaluation videos; one that was not cannot lower the minimum.
    """

    begins_at: str = "zeros"
    steps: Count = 0
    seconds: float = 0.0
    stopped: StopReason = "steps"
    why: str = ""
    verified: Rate | None = None
    judged: bool = True


class AttackRung(Result, frozen=True, kw_only=True):
    """One attack of a ladder.

    Attributes:
        rung: `A0` to `A5`.
        attack: its name in the rows.
        role: what the checks compare it as.
        says: what the attacker knows.
        identifiers: of the technique.
        method: the attack's name; absent where the perturbation was given.
        epsilon: its budget; absent likewise.
        binding: absent likewise.
        steps: of learning, with `--ladder full`; absent likewise.
        draws: of a random defense for each clip of a step; absent likewise.
        low_frequency: whether the pattern is smooth in space; absent likewise.
        striped: whether it is stripes of a strength that is smooth in space; absent likewise.
        goes_on_from_given: whether it begins at the given perturbation; absent likewise.
        bearable: only on a detector's ladder: the share of flagged fit videos at which lowering their scores counts as
            much as the margin.
        effort: what the attacker spent, and why it stopped; absent where the perturbation was given.
    """

    rung: str
    attack: str
    role: str = "iterative"
    says: str = ""
    identifiers: RungIdentifiers | None = None
    method: str | UnsetType = UNSET
    epsilon: str | UnsetType = UNSET
    binding: str | UnsetType = UNSET
    steps: Count | UnsetType = UNSET
    draws: Count | UnsetType = UNSET
    low_frequency: bool | UnsetType = UNSET
    striped: bool | UnsetType = UNSET
    goes_on_from_given: bool | UnsetType = UNSET
    bearable: float | UnsetType = UNSET
    effort: AttackerEffort | UnsetType = UNSET


class LadderRung(AttackRung, frozen=True, kw_only=True):
    """One attack of a defense's ladder.

    Attributes:
        rows: what came of it, one row a sampler.
    """

    rows: tuple[Row, ...] = ()


class WorstRung(Result, frozen=True, kw_only=True):
    """The minimum over a defense's ladder with one sampler (law 8).

    Attributes:
        sampler: the spec.
        rung: of the strongest attack.
        attack: its name in the rows.
        clean_accuracy: behind the defense.
        accuracy: the robust accuracy: under the strongest attack.
        fooling_rate: under the strongest attack.
        net_fooling_rate: beyond what the defense changes by itself.
        milliseconds_per_video: that the defense takes.
        right_under_every_rung: labelled videos whose prediction is right whichever rung attacks them.
    """

    sampler: str
    rung: str
    attack: str
    clean_accuracy: Rate | None = None
    accuracy: Rate | None = None
    fooling_rate: Rate | None = None
    net_fooling_rate: NetFoolingRate | None = None
    milliseconds_per_video: float | None = None
    right_under_every_rung: Rate | None = None


class DefenseLadder(Result, frozen=True, kw_only=True):
    """All attacks of one defense, and the worst of them for each sampler.

    Attributes:
        defense: `none`, or the spec.
        deterministic: whether it draws nothing at random.
        rungs: in order.
        missing: rungs that it does not have.
        robust: one entry a sampler.
        per_video: rung P, one entry a sampler: an upper bound that is not in `robust`.
    """

    defense: str
    deterministic: bool = True
    rungs: tuple[LadderRung, ...] = ()
    missing: tuple[MissingRung, ...] = ()
    robust: tuple[WorstRung, ...] = ()
    per_video: tuple[PerVideoBound, ...] = ()


class EvasionRow(Result, frozen=True, kw_only=True):
    """What an attack wins against the bare model with a detector beside it, with the first sampler.

    Attributes:
        rung: only in `robust`.
        attack: its name.
        detector: the spec.
        defense: before the model: `none`, or the spec.
        sampler: the first one.
        videos: how many were judged.
        fooling_rate: predictions that changed; behind a defense, from that of the clean video behind it.
        flagged_rate: attacked videos that are flagged.
        false_alarms: clean videos that are flagged.
        evasion_rate: changed, or predicted as the target, and not flagged; with a target, without the videos that
            success rates leave out.
        robust_rate: the others.
        auc: as in `detectors`.
        tpr_at_fpr: as in `detectors`.
        held_under_every_rung: only in `robust`: videos that no rung wins.
    """

    rung: str | UnsetType = UNSET
    attack: str
    detector: str
    defense: str = "none"
    sampler: str
    videos: Count
    fooling_rate: Rate | None = None
    flagged_rate: Rate | None = None
    false_alarms: Rate | None = None
    evasion_rate: Rate | None = None
    robust_rate: Rate | None = None
    auc: Estimate | None = None
    tpr_at_fpr: dict[str, Estimate] = field(default_factory=dict)
    held_under_every_rung: Rate | UnsetType | None = UNSET


class DetectorRung(AttackRung, frozen=True, kw_only=True):
    """One attack of a detector's ladder.

    Attributes:
        rows: one, or none where it was not measured.
    """

    rows: tuple[EvasionRow, ...] = ()


class FitThreshold(Result, frozen=True, kw_only=True):
    """What clean fit videos say of a detector.

    Attributes:
        threshold: 5 % false alarms on clean fit videos.
        typical: their median score.
        videos: number of videos measured.
        aim: the middle of both: below it an attacker wants to stay.
    """

    threshold: float
    typical: float
    videos: Count
    aim: float


class DetectorLadder(Result, frozen=True, kw_only=True):
    """All attacks of one detector, or of a defense and a detector at once, and the worst of them.

    Attributes:
        detector: the spec.
        defense: before the model: `none`, or the spec.
        gradient: what an attacker gets of it.
        null_space: what it cannot see.
        fit: null where no threshold could be found.
        rungs: in order.
        missing: rungs that it does not have.
        noise: the row of the noise control; empty where no threshold could be found.
        robust: the row of the rung that wins most, with `rung` and `held_under_every_rung`; empty likewise.
    """

    detector: str
    defense: str = "none"
    gradient: str = ""
    null_space: str = ""
    fit: FitThreshold | None = None
    rungs: tuple[DetectorRung, ...] = ()
    missing: tuple[MissingRung, ...] = ()
    noise: tuple[EvasionRow, ...] = ()
    robust: tuple[EvasionRow, ...] = ()


def pair_name(ladder: DetectorLadder) -> str:
    """The detector, or the defense and the detector."""
    return ladder.detector if ladder.defense == "none" else f"{ladder.defense} + {ladder.detector}"


class Check(Result, frozen=True, kw_only=True):
    """A reason to believe a figure, or not.

    Attributes:
        defense: that it is about: a spec, a detector, or `all` for the whole run.
        name: what was tested.
        status: PASS or WARN.
        figure: the figure behind it.
        sentence: why it matters.
    """

    defense: str = "all"
    name: str
    status: Literal["PASS", "WARN"]
    figure: str = ""
    sentence: str = ""


class BudgetPoint(Result, frozen=True, kw_only=True):
    """One budget of a defense's curve: the attack within it that does most harm.

    Attributes:
        epsilon: such as `8/255`.
        defense: that attacks are judged behind.
        attack: that does most harm with the first sampler.
        knows_defense: whether attackers of other budgets learn through the defense.
        rows: one a sampler: of the attack within this budget that does most harm.
        noise: rows of noise at that epsilon.
        effort: of the attacker that learned at that epsilon, where it is on no ladder.
    """

    epsilon: str
    defense: str
    attack: str
    knows_defense: bool = False
    rows: tuple[Row, ...] = ()
    noise: tuple[Row, ...] = ()
    effort: AttackerEffort | UnsetType = UNSET


def attacker_name(rung: str, attack: str, against: str) -> str:
    """An attacker in a ladder: its rung there, and its name without what the ladder is about.

    Args:
        rung: in this ladder; that of another ladder is A0 here.
        attack: its name in the rows, such as `A2 declared gradient (jpeg:quality=75)`.
        against: the ladder's defense or detector; `none` for no defense.
    """
    about = NO_DEFENSE_NAME if against == NO_DEFENSE else against
    own = re.sub(rf" \((.*, )?(below )?{re.escape(about)}\)$", "", attack)
    return f"{rung} {re.sub('^A[0-9] ', '', own)}"
