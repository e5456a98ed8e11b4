"""A run whose attackers learn one after the other: which one is at work, and how far all of them are."""

from dataclasses import dataclass

from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.results.event_words import learning_share, step_words
from lsap_cli.results.events import StageEvent, StepEvent
from lsap_cli.runs.history import History


@dataclass(frozen=True)
class AttackersProgress:
    """How far all attackers of a run are.

    Attributes:
        words: which attacker is at work and where it is, `attacker 7 of 24, step 12 of 300`.
        left: seconds until all of them have learned; None: it is not known.
        share: 0 to 1, of all of them: by time where the run says how much is left; None: it is not known.
    """

    words: str
    left: float | None
    share: float | None


def attackers_progress(reader: RunReader) -> AttackersProgress | None:
    """Of a run whose attackers learn now; None where none learns, or none has made a step yet."""
    history = reader.history
    stage, step = history.stage, attacker_step(history)
    if stage is None or step is None:
        return None
    return AttackersProgress(
        f"attacker {stage.attacker} of {stage.attackers}, {step_words(step, stage)}", step.seconds_left,
        _share(history, stage, step),
    )  # fmt: skip


def attacker_step(history: History) -> StepEvent | None:
    """The newest step of the attacker that learns now; None: none learns, or it has made no step yet."""
    stage, step = history.stage, history.last_step
    if stage is None or step is None or not stage.attackers or not stage.name.endswith(f": {step.member}"):
        return None
    return step


def _share(history: History, stage: StageEvent, step: StepEvent) -> float | None:
    """By time, so that bar and time agree: attackers of a race come back in every round, and learn for unlike times."""
    since, now = history.attackers_since, step.time
    if step.seconds_left is None or since is None or now <= since:
        return learning_share(step, stage)
    return (now - since) / (now - since + step.seconds_left)
