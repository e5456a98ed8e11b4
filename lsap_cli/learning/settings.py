"""What `generate` can be asked for, and every default of it. No torch here: `--help` reads the defaults."""

from dataclasses import dataclass, replace
from typing import Literal

from lsap_cli.cluster.settings import DEFAULT_TIMEOUT, ClusterSettings, cluster_settings
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

LearnFrom = Literal["any", "one-video", "target-class", "random-class"]
Combine = Literal["mean", "max"]  # of the losses of several models: `perturbations.ensemble.COMBINATIONS`

FITTED_SAMPLERS = ("segments", "dense:stride=1", "dense:stride=4", "rate:fps=8")  # beside the classifier's own
HELD_OUT_SAMPLERS = ("uniform", "dense:stride=2", "random", "rate:fps=5")
DEFAULT_STEPS = 600
DEFAULT_TARGETED_STEPS = 1500  # one class for all videos takes longer; see docs/benchmarks.md
FRAME_STORE_BYTES = 4 * 2**30


@dataclass(frozen=True)
class GenerateSettings:
    """What `generate` was asked for.

    The fields are the command's options and the keys of `settings` in run.json; `None` leaves a choice to the job.
    `model` is one spec, or several for a perturbation that is learned against all of these models.
    """

    videos: str
    model: str | tuple[str, ...]
    out: str
    attack: str = "lsap"
    norm: str = "linf"
    epsilon: str = "8/255"
    binding: str | None = None
    target: str | None = None
    only: str | None = None
    learn_from: LearnFrom = "any"
    pool: int | None = None
    sampler: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    combine: Combine = "mean"  # with several models
    steps: int | None = None
    queries: int | None = None
    time_budget: float | None = None
    seeds: int = 1
    matrix: bool = False
    controls: bool = False
    layer: str | None = None
    batch: int = 4
    micro_batch: int | None = None
    precision: str = "fp32"
    compiled: bool = False
    memory: int = FRAME_STORE_BYTES
    device: str = "auto"
    seed: int = 0
    root: str | None = None  # where a list's relative paths begin
    fps: float | None = None  # of frame folders
    labels: str | None = None  # a file with the names of a list's numbers
    cluster: str | None = None
    storage: str | None = None
    timeout: float = DEFAULT_TIMEOUT  # of a member on the cluster, in seconds without any step

    @property
    def models(self) -> tuple[str, ...]:
        """The specs of all models.

        Raises:
            LsapError: if there is none, one is named twice, or an option is of one model only.
        """
        specs = (self.model,) if isinstance(self.model, str) else self.model
        from lsap_cli.classifiers.spec_checks import absolute_spec  # msgspec: help reads the defaults without it

        if not specs or len(set(map(absolute_spec, specs))) < len(specs):
            raise LsapError("a perturbation is learned against different models; give each --model once")
        of_one = {"--matrix": self.matrix, "--cluster": self.cluster is not None}
        if len(specs) > 1 and (named := [flag for flag, given in of_one.items() if given]):
            raise LsapError(f"{named[0]} is of one model; give one --model, or leave it out")
        return specs

    def of_model(self, spec: str) -> "GenerateSettings":
        """The same for one of the models."""
        return replace(self, model=spec)

    @property
    def cluster_settings(self) -> ClusterSettings | None:
        """Where the members of --seeds and --matrix are learned; None: in this process.

        Raises:
            LsapError: if there is one member only, or a time budget, which is of one machine.
        """
        if self.cluster is not None and self.seeds == 1 and not self.matrix:
            raise LsapError(
                "--cluster spreads the perturbations of --seeds N and --matrix; one alone is learned on several GPUs "
                "with torchrun"
            )
        if self.cluster is not None and self.time_budget is not None:
            raise LsapError("--cluster learns each perturbation for --steps N: a --time-budget is of one machine")
        return cluster_settings(self.cluster, self.storage, self.timeout)

    @property
    def source(self) -> SetSource:
        """The set of videos."""
        return SetSource.parse(self.videos, self.root, self.fps, self.labels)

    @property
    def step_limit(self) -> int | None:
        """Learning steps; None: the time budget, or that of queries, alone ends learning."""
        if self.steps is not None or self.time_budget is not None or self.queries is not None:
            return self.steps
        return DEFAULT_STEPS if self.target is None else DEFAULT_TARGETED_STEPS
