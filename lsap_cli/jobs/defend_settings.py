"""What `lsap defend` was asked for, and the combinations of options that are refused before anything is loaded."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from lsap_cli.cluster.settings import DEFAULT_TIMEOUT, ClusterSettings, cluster_settings
from lsap_cli.errors import LsapError
from lsap_cli.results.shown_videos import SHOWN_VIDEOS
from lsap_cli.set_sources import SetSource

LadderKind = Literal["fast", "full"]

DEFAULT_DEFENSES = (
    "temporal-mean:window=3",
    "temporal-median:window=3",
    "jpeg:quality=75",
    "spatial-resample:scale=0.5",
    "temporal-resample:keep=2",
)


@dataclass(frozen=True)
class DefendSettings:
    """What `defend` was asked for; the fields are the command's options."""

    videos: str
    model: str
    perturbation: str | None = None
    seeds: tuple[str, ...] = ()  # more perturbation files, learned as the first but for the seed
    perturbed: str | None = None
    sampler: tuple[str, ...] = ()
    defense: tuple[str, ...] = ()
    detector: tuple[str, ...] = ()
    draws: int = 5
    corruptions: bool = False
    certify: tuple[str, ...] = ()
    fit: str | None = None
    adaptive: bool = False
    epsilons: tuple[str, ...] = ()
    steps: int = 300
    learning_draws: tuple[int, ...] = (2, 8)
    ladder: LadderKind = "fast"
    time_budget: float | None = None  # seconds that all attackers together may learn
    estimate: bool = False  # say what a run will take, and end
    also: tuple[str, ...] = ()  # more models, for the transfer matrix
    target: str | None = None
    views: int | None = None
    allow_overlap: bool = False
    pictures: int = SHOWN_VIDEOS  # videos that are drawn
    batch: int = 8
    device: str = "auto"
    seed: int = 0
    root: str | None = None  # where a list's relative paths begin
    fps: float | None = None  # of frame folders
    labels: str | None = None  # a file with the names of a list's numbers
    cluster: str | None = None
    storage: str | None = None
    timeout: float = DEFAULT_TIMEOUT  # of a task of the cluster, in seconds

    @property
    def cluster_settings(self) -> ClusterSettings | None:
        """Where videos are judged; None: in this process."""
        return cluster_settings(self.cluster, self.storage, self.timeout)

    @property
    def source(self) -> SetSource:
        """The set of videos that are judged."""
        return SetSource.parse(self.videos, self.root, self.fps, self.labels)

    @property
    def fit_source(self) -> SetSource | None:
        """The set of videos that attackers learn from."""
        return None if self.fit is None else SetSource.parse(self.fit, self.root, self.fps, self.labels)

    @property
    def learning(self) -> list[str]:
        """The options that let attackers learn in this run."""
        options = {"--adaptive": self.adaptive, "--epsilons": self.epsilons, "several --model": self.also}
        return [option for option, given in options.items() if given]


def ladder_kind(text: str) -> LadderKind:
    """A value of --ladder.

    Raises:
        LsapError: if it is none.
    """
    if text not in get_args(LadderKind):
        raise LsapError(f"--ladder '{text}': use fast (attackers race) or full (every attacker takes all its steps)")
    return cast(LadderKind, text)


def check_defend_settings(settings: DefendSettings) -> None:
    """Refuses combinations of options that cannot work.

    Raises:
        LsapError: naming the first one.
    """
    _ = settings.cluster_settings  # options that do not fit together are refused
    if settings.cluster is not None and settings.ladder == "full" and settings.time_budget is not None:
        raise LsapError(
            "--cluster learns each attacker of --ladder full for --steps N: a --time-budget is of one machine"
        )
    if (settings.perturbation is None) == (settings.perturbed is None):
        raise LsapError(
            "give one of --perturbation FILE (add it here) and --perturbed FOLDER (files that lsap apply wrote)"
        )
    if settings.seeds and settings.perturbation is None:
        raise LsapError("several perturbations are compared with --perturbation FILE only, not with --perturbed FOLDER")
    learning = settings.learning
    if not learning and settings.fit is not None:
        raise LsapError("--fit is for attackers that learn in this run: give --adaptive, --epsilons or several --model")
    if len({settings.model, *settings.also}) <= len(settings.also):
        raise LsapError("a transfer matrix is of different models; give each --model once")
    if learning and settings.fit is None:
        raise LsapError(f"{learning[0]} learns perturbations: give --fit VIDEOS, others than those that are judged")
    for option, given in (("--time-budget", settings.time_budget is not None), ("--estimate", settings.estimate)):
        if given and not learning:
            raise LsapError(f"{option} is about attackers that learn in this run: give --adaptive or --epsilons")
    if learning and (not any(settings.learning_draws) or min(settings.learning_draws) < 1):
        raise LsapError("--learning-draws takes whole numbers of at least 1, such as 2,8")
