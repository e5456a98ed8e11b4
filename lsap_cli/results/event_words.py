"""Events in words, the same on the terminal and in the dashboard's log. No markup: names are shown as they are."""

from lsap_cli.results.base import or_none
from lsap_cli.results.events import (
    CellEvent,
    CellsAtWorkEvent,
    ClusterEvent,
    FileEvent,
    FramesEvent,
    ResumedEvent,
    SkippedEvent,
    SplitEvent,
    StageEvent,
    StepEvent,
    VerificationEvent,
)
from lsap_cli.results.node_use import NodeUse
from lsap_cli.results.spread import SamplerRange

LEFT_OUT = "left out"
SHOWN_AT_WORK = 2  # cells of a study


def cluster_words(event: ClusterEvent) -> str:
    """The nodes of a cluster in a line: how many workers on which, and what they do."""
    alive = [node for node in event.nodes if node.alive]
    workers, rate = sum(node.workers for node in alive), sum(node.tasks_per_second for node in event.nodes)
    lost = len(event.nodes) - len(alive)
    where = f"{len(alive)} nodes" if len(alive) != 1 else f"node {alive[0].name}"
    parts = [f"{workers} worker{'s' if workers != 1 else ''} on {where}", f"{lost} lost" if lost else ""]
    if rate > 0:
        parts.append(f"{sum(node.done for node in event.nodes)} tasks done, {pace_text(rate, 'task')}")
    return ", ".join(part for part in parts if part)


def node_words(node: NodeUse) -> str:
    """One node of a cluster in a line."""
    state = f"{node.running} of {node.workers} workers at work" if node.alive else "lost"
    pace = f", {pace_text(node.tasks_per_second, 'task')}" if node.tasks_per_second > 0 else ""
    failed = f", {node.failed} without a result" if node.failed else ""
    return f"{node.name}: {state}, {node.done} tasks done{pace}{failed}"


def sampler_range_of(event: VerificationEvent) -> SamplerRange | None:
    """The worst and the best sampler of a verification; None in files of version 0.1, which have one rate."""
    rates = or_none(event.by_sampler)
    return None if rates is None else SamplerRange.of_rates(rates)


def verification_words(event: VerificationEvent) -> str:
    """The fooling rate during learning: with the worst and the best sampler where both are known; empty: no rate.

    Of `train`, the accuracy; of `harden`, also that under its perturbation.
    """
    accuracy, attacked = or_none(event.accuracy), or_none(event.attacked)
    if accuracy is not None:
        under = "" if attacked is None else f", under attack {attacked}"
        return f"step {event.step}: accuracy on {accuracy.of} unseen videos {accuracy}{under}"
    fooling = sampler_range_of(event)
    if fooling is not None:
        return f"step {event.step}: fooling rate on {fooling.lowest.of} unseen videos and unseen samplers {fooling}"
    if event.fooled is None:
        return ""
    return f"step {event.step}: fooling rate {event.fooled.value:.2f} ({event.fooled.interval}, n {event.fooled.of})"


def step_words(step: StepEvent, stage: StageEvent | None) -> str:
    """How far learning is: `step 12 of 300`, or `step 12` where only time ends it.

    Args:
        step: the newest.
        stage: that it belongs to; None: it is not known.
    """
    of = f" of {stage.steps}" if stage is not None and stage.steps else ""
    return f"step {step.number}{of}"


def attacker_words(step: StepEvent, stage: StageEvent | None) -> str:
    """The same without the stage's name beside it: `attacker 3 of 46, step 12 of 300`."""
    counted = f"attacker {stage.attacker} of {stage.attackers}, " if stage is not None and stage.attackers else ""
    return counted + step_words(step, stage)


def learning_share(step: StepEvent, stage: StageEvent | None) -> float | None:
    """How much of learning is over, 0 to 1, that of all attackers of a row; None: it is not known."""
    if step.progress is None or stage is None:
        return step.progress
    if not stage.attacker or not stage.attackers:
        return step.progress
    return min(1.0, (stage.attacker - 1 + step.progress) / stage.attackers)


def cell_words(event: CellEvent) -> str:
    """A cell of a study in a line."""
    if event.failed:
        return f"failed: {event.cell}: {event.reason}"
    return f"done: {event.cell}" + ("" if event.seconds is None else f" ({event.seconds:.1f} s)")


def at_work_words(event: CellsAtWorkEvent) -> str:
    """The cells of a study that are worked on, in a line; empty where none is."""
    if not event.cells:
        return ""
    more = f" and {len(event.cells) - SHOWN_AT_WORK} more" if len(event.cells) > SHOWN_AT_WORK else ""
    return f"{len(event.cells)} at work: {'; '.join(event.cells[:SHOWN_AT_WORK])}{more}"


def skipped_words(event: SkippedEvent) -> str:
    """A video that is left out, and why."""
    return f"{LEFT_OUT} {event.path}: {event.reason}"


def split_words(event: SplitEvent) -> str:
    """The sizes of the parts of a set, and what decoding them took."""
    return (
        f"{event.fit} videos to learn from, {event.verify} to verify on; decoded in {event.decode_seconds:.0f} s, "
        f"{(event.memory_bytes + event.disk_bytes) / 2**20:.0f} MB of frames"
    )


def resumed_words(event: ResumedEvent) -> str:
    """Where a run goes on."""
    return f"resumed after step {event.step}"


def file_words(event: FileEvent) -> str:
    """A written file, and the largest change in it."""
    linf = or_none(event.linf)
    return event.path + (f": largest change {linf:.0f}/255" if linf is not None else "")


def frames_words(event: FramesEvent) -> str:
    """How far a file is; empty before the pace is known."""
    if event.frames_per_second is None:
        return ""
    pace = f"{event.frames_per_second:.0f} a second"
    return f"{event.path}: {event.doing} frame {event.frame} of {event.frames}, {pace}"


def pace_text(pace: float, unit: str = "clip") -> str:
    """How fast something goes: `12 clips/s`, `1.4 clips/s`, or `3.2 s a clip` where it is slow.

    Args:
        pace: a second, above 0.
        unit: what is counted, in the singular.
    """
    if pace < 1:
        return f"{1 / pace:.1f} s a {unit}"
    return f"{pace:.{0 if pace >= 3 else 1}f} {unit}s/s"
