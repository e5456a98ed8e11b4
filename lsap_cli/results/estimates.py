"""What `defend --estimate` finds: estimate.json."""

from lsap_cli.results.base import Count, Result


class RaceEstimate(Result, frozen=True, kw_only=True):
    """What one ladder, or the attackers of one other budget, will take.

    Attributes:
        about: the defense, the detector, or the name of the attacker.
        attackers: how many learn.
        steps: of all of them.
        seconds: of learning.
    """

    about: str
    attackers: Count
    steps: Count
    seconds: float


class PerVideoEstimate(Result, frozen=True, kw_only=True):
    """What rung P takes at most: it stops at a video as soon as all of its clips are won.

    Attributes:
        videos: that are judged.
        defenses: whose ladders have the rung.
        steps: of all videos behind all defenses.
        seconds: of all; a time budget does not limit them.
    """

    videos: Count
    defenses: Count
    steps: Count
    seconds: float


class EstimateResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.estimate/1"):
    """What the attackers of a `defend` will take: from timed steps, before anything is learned.

    Attributes:
        ladder: `fast` or `full`.
        at_most: whether attackers may stop earlier, as with `fast`.
        races: one a ladder, then the attackers of other budgets.
        attackers: of all.
        steps: of all.
        seconds: of all; judging is not in it.
        per_video: what the pattern of its own for each video (rung P) takes at most; null: no ladder has it.
        time_budget: seconds that attackers may learn together; null: no limit.
    """

    ladder: str
    at_most: bool
    races: tuple[RaceEstimate, ...] = ()
    attackers: Count
    steps: Count
    seconds: float
    per_video: PerVideoEstimate | None = None
    time_budget: float | None = None
