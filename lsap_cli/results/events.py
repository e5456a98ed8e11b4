"""events.jsonl: what happened, as it happened. One class a kind; `Event` is any of them."""

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.node_use import NodeUse
from lsap_cli.results.rates import Rate


class RunEvent(Result, frozen=True, kw_only=True, tag_field="kind"):
    """An event.

    Attributes:
        time: seconds since 1970; the run fills it in.
    """

    time: float = 0.0


class StartEvent(RunEvent, frozen=True, kw_only=True, tag="start"):
    """The command begins; a resumed run has a new one.

    Attributes:
        command: its name.
    """

    command: str


class StageEvent(RunEvent, frozen=True, kw_only=True, tag="stage"):
    """A part of the run begins.

    Attributes:
        name: in words.
        videos: how many follow.
        files: how many follow.
        cells: of a study, that follow.
        steps: of learning.
        seconds: of learning; null: no limit.
        attacks: that videos are judged under.
        defenses: that videos are judged behind.
        samplers: that videos are judged with.
        detectors: that videos are shown to.
        corruptions: how many.
        smoothings: that videos are certified with.
        attacker: number of the attack that is learned, from 1; of attackers that race, how many have begun.
        attackers: how many attacks are learned in the run.
    """

    name: str
    videos: Count | UnsetType = UNSET
    files: Count | UnsetType = UNSET
    cells: Count | UnsetType = UNSET
    steps: Count | UnsetType | None = UNSET
    seconds: float | UnsetType | None = UNSET
    attacks: tuple[str, ...] | UnsetType = UNSET
    defenses: tuple[str, ...] | UnsetType = UNSET
    samplers: tuple[str, ...] | UnsetType = UNSET
    detectors: tuple[str, ...] | UnsetType = UNSET
    corruptions: Count | UnsetType = UNSET
    smoothings: tuple[str, ...] | UnsetType = UNSET
    attacker: Count | UnsetType = UNSET
    attackers: Count | UnsetType = UNSET

    @property
    def total(self) -> int | None:
        """Videos, files or cells that follow; None where they are not counted."""
        for count in (self.videos, self.files, self.cells):
            if isinstance(count, int) and count > 0:
                return count
        return None


class ExpectedStage(Result, frozen=True, kw_only=True):
    """A part of the run that is still to come.

    Attributes:
        stage: how the name of its `stage` event begins; `attackers`: all stages that count attackers.
        clips: that pass through the network, as far as that can be known before; a step of learning counts a clip as
            three, one forward and twice as much backward.
        seconds: that it takes, where that was measured or is a limit.
    """

    stage: str
    clips: float = 0.0
    seconds: float | None = None


class PlanEvent(RunEvent, frozen=True, kw_only=True, tag="plan"):
    """What is still to come; it takes the place of an earlier plan.

    Attributes:
        stages: in their order, each with `stage` (how the name of its event begins), `clips` (that pass through the
            network; a step of learning counts each as three) and `seconds` (measured, a limit, or null).
    """

    stages: tuple[ExpectedStage, ...] = ()


class VideoEvent(RunEvent, frozen=True, kw_only=True, tag="video"):
    """A video is done.

    Attributes:
        path: its name.
        frames: of a video to learn from.
        judged: predictions, of `defend`.
    """

    path: str
    frames: Count | UnsetType = UNSET
    judged: Count | UnsetType = UNSET


class SkippedEvent(RunEvent, frozen=True, kw_only=True, tag="skipped"):
    """A video is left out.

    Attributes:
        path: its name.
        file: where it is.
        reason: a sentence.
        cause: of `apply`: `file`, `crash`, `hang`, or `fault` of lsap.
    """

    path: str
    file: str = ""
    reason: str = ""
    cause: str | UnsetType = UNSET


class HeaderEvent(RunEvent, frozen=True, kw_only=True, tag="seen"):
    """`apply` has read a file's header.

    Attributes:
        path: its name.
    """

    path: str


class KeptEvent(RunEvent, frozen=True, kw_only=True, tag="kept"):
    """A file that an earlier part of `apply` wrote is right.

    Attributes:
        path: of the source.
        output: of the copy.
    """

    path: str
    output: str = ""


class PreviewEvent(RunEvent, frozen=True, kw_only=True, tag="preview"):
    """`apply` has drawn pictures.

    Attributes:
        path: the video's name.
        folder: where they are.
    """

    path: str
    folder: str = ""


class FramesEvent(RunEvent, frozen=True, kw_only=True, tag="frames"):
    """How far `apply` is; twice a second at most.

    Attributes:
        path: of the file that is worked on.
        doing: `writing` or `checking`.
        frame: of it.
        frames: that it has.
        files_done: how many.
        files: how many there are.
        progress: 0 to 1, of all files.
        frames_per_second: of all files in all.
        seconds_left: null where it is not known.
    """

    path: str
    doing: str = ""
    frame: Count = 0
    frames: Count = 0
    files_done: Count = 0
    files: Count = 0
    progress: float = 0.0
    frames_per_second: float | None = None
    seconds_left: float | None = None


class JudgingEvent(RunEvent, frozen=True, kw_only=True, tag="judging"):
    """How far a video is that takes long; about every two seconds.

    Attributes:
        path: its name.
        share: 0 to 1, of the video's judging.
    """

    path: str
    share: float = 0.0


class CellsAtWorkEvent(RunEvent, frozen=True, kw_only=True, tag="cells-at-work"):
    """The cells of a study that are worked on now.

    Attributes:
        cells: their titles, those of one perturbation as one.
    """

    cells: tuple[str, ...] = ()


class CellEvent(RunEvent, frozen=True, kw_only=True, tag="cell"):
    """A cell of a study is done, or has failed.

    Attributes:
        cell: its title.
        failed: whether it has.
        seconds: that it took, with its part of what several cells share.
        reason: why it failed; empty where it did not.
    """

    cell: str
    failed: bool = False
    seconds: float | None = None
    reason: str = ""


class WarningEvent(RunEvent, frozen=True, kw_only=True, tag="warning"):
    """A warning for the user.

    Attributes:
        message: a sentence.
    """

    message: str


class NoteEvent(RunEvent, frozen=True, kw_only=True, tag="note"):
    """What a demo does next.

    Attributes:
        message: a sentence.
    """

    message: str


class SplitEvent(RunEvent, frozen=True, kw_only=True, tag="split"):
    """The videos of `generate`, `train` or `harden` are decoded and split.

    Attributes:
        fit: videos to learn from.
        verify: videos to verify on; of `train` and `harden`, those held out and those for validation.
        decode_seconds: of decoding.
        memory_bytes: of frames.
        disk_bytes: of frames.
    """

    fit: Count
    verify: Count
    decode_seconds: float = 0.0
    memory_bytes: Count = 0
    disk_bytes: Count = 0


class ResumedEvent(RunEvent, frozen=True, kw_only=True, tag="resumed"):
    """Learning goes on from a saved state.

    Attributes:
        step: that is done.
        seconds: of learning so far.
    """

    step: Count
    seconds: float = 0.0


class StepEvent(RunEvent, frozen=True, kw_only=True, tag="step"):
    """One step of learning.

    Attributes:
        number: from 1.
        loss: null where it is not finite.
        fooled: clips of the batch whose own prediction, augmented as they are, the perturbation turns; counted every
            16 steps, null in between. In files of version 0.1 before that: clips that have another prediction than
            their clean video, in every step.
        clips: of the batch.
        gradient: mean absolute element of delta's gradient.
        step_size: of the update, in [0, 1] pixel units.
        coherence: of the perturbed clips, or null.
        seconds: of learning so far.
        progress: 0 to 1.
        seconds_left: as the run estimates.
        queries: clips that the attack has asked the network about so far.
        member: where several perturbations are learned: which one.
        right: of `train` and `harden`: clips of the batch that are classified right, of `harden` as they are perturbed.
        learning_rate: of `train` and `harden`: the head's.
    """

    number: Count
    loss: float | None = None
    fooled: float | None = None
    clips: float | None = None
    gradient: float | None = None
    step_size: float | None = None
    coherence: float | None = None
    seconds: float | None = None
    progress: float | None = None
    seconds_left: float | None = None
    queries: int | None = None
    member: str | int | UnsetType = UNSET
    right: float | UnsetType | None = UNSET
    learning_rate: float | UnsetType | None = UNSET


class VerificationEvent(RunEvent, frozen=True, kw_only=True, tag="verification"):
    """The perturbation, or of `train` and `harden` the network, so far, on videos that it does not learn from.

    Attributes:
        step: after which.
        fooled: rate over verification videos, with the sampler that gives the lowest rate.
        by_sampler: the rate over verification videos with each held-out sampler; absent in files of version 0.1, whose
            `fooled` counts clips of all samplers.
        loss: mean margin in logits, below 0 where fooled; of `train`: mean negative logarithm of the label's
            probability; of `harden`: the mean of that without and with the perturbation.
        member: where several perturbations are learned: which one.
        accuracy: of `train` and `harden`, on clean videos.
        attacked: of `harden`: accuracy under the perturbation that the network is hardened against.
    """

    step: Count
    fooled: Rate | None = None
    by_sampler: dict[str, Rate] | UnsetType = UNSET
    loss: float | None = None
    member: str | int | UnsetType = UNSET
    accuracy: Rate | UnsetType | None = UNSET
    attacked: Rate | UnsetType | None = UNSET


class ConvergedEvent(RunEvent, frozen=True, kw_only=True, tag="converged"):
    """Nothing is left to win.

    Attributes:
        step: after which.
        member: where several perturbations are learned: which one.
    """

    step: Count
    member: str | int | UnsetType = UNSET


class FileEvent(RunEvent, frozen=True, kw_only=True, tag="file"):
    """A file is written; of `demo`, a video is made.

    Attributes:
        path: the video's name.
        output: of the copy; this and what follows is from `apply` alone.
        frames: of the video.
        linf: the largest change, in levels of 0-255.
        l2_rms: root mean square of the changes, in levels.
        exact: whether every frame is the source plus the rounded perturbation.
        cosine: between what was to be added and what is there.
        energy_kept: share of what was to be added that is there.
        seconds: that it took.
        memory_bytes: the most that its process has held.
    """

    path: str
    output: str | UnsetType = UNSET
    frames: Count | UnsetType = UNSET
    linf: float | UnsetType | None = UNSET
    l2_rms: float | UnsetType | None = UNSET
    exact: bool | UnsetType | None = UNSET
    cosine: float | UnsetType | None = UNSET
    energy_kept: float | UnsetType | None = UNSET
    seconds: float | UnsetType | None = UNSET
    memory_bytes: Count | UnsetType | None = UNSET


class UsageEvent(RunEvent, frozen=True, kw_only=True, tag="usage"):
    """What the run's own process uses; every 5 seconds.

    Attributes:
        memory_bytes: resident; null where the system does not say.
        cpu_percent: 100 is one core.
        gpu: its number; with the extra `gpu` installed and a GPU in use.
        gpu_percent: likewise.
        gpu_memory_bytes: likewise.
        disk_bytes: read from and written to storage so far; absent where the system does not say.
    """

    memory_bytes: Count | None = None
    cpu_percent: float | None = None
    gpu: Count | UnsetType = UNSET
    gpu_percent: float | UnsetType | None = UNSET
    gpu_memory_bytes: Count | UnsetType | None = UNSET
    disk_bytes: Count | UnsetType = UNSET


class ClusterEvent(RunEvent, frozen=True, kw_only=True, tag="cluster"):
    """With `--cluster`: what the nodes do; every two seconds.

    Attributes:
        nodes: all that took part, also those that were lost.
        waiting: tasks that were sent and have not begun.
        start_seconds: that Ray took to start; null after the first event.
    """

    nodes: tuple[NodeUse, ...] = ()
    waiting: Count = 0
    start_seconds: float | None = None


class EndEvent(RunEvent, frozen=True, kw_only=True, tag="end"):
    """The command ends.

    Attributes:
        status: as in run.json.
    """

    status: str


Event = (
    StartEvent
    | StageEvent
    | PlanEvent
    | VideoEvent
    | SkippedEvent
    | HeaderEvent
    | KeptEvent
    | PreviewEvent
    | FramesEvent
    | JudgingEvent
    | CellsAtWorkEvent
    | CellEvent
    | WarningEvent
    | NoteEvent
    | SplitEvent
    | ResumedEvent
    | StepEvent
    | VerificationEvent
    | ConvergedEvent
    | FileEvent
    | UsageEvent
    | ClusterEvent
    | EndEvent
)


def kind_name(kind: type[RunEvent]) -> str:
    """The `kind` that events of a class have in the file."""
    return str(kind.__struct_config__.tag)
