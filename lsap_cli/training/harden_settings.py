"""What `harden` can be asked for, and every default of it. No torch here: `--help` reads the defaults."""

from dataclasses import dataclass
from typing import Literal

from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.training.settings import FRAME_STORE_BYTES, OptimizerName, Precision, TrainedPart, TrainingOptions

HardenMethod = Literal["universal", "pgd", "noise"]

DEFAULT_HARDEN_EPOCHS = 20
HARDEN_RATES = {"adamw": 3e-4, "sgd": 3e-3}
ATTACK_STEPS = 300


@dataclass(frozen=True)
class HardenSettings(TrainingOptions):
    """What `harden` was asked for.

    The fields are the command's options and the keys of `settings` in run.json; `None` leaves a choice to the job.
    """

    default_epochs = DEFAULT_HARDEN_EPOCHS
    learning_rates = HARDEN_RATES

    videos: str
    model: str
    out: str
    method: HardenMethod = "universal"
    trained: TrainedPart = "all"
    norm: str = "linf"
    epsilon: str = "8/255"
    binding: str | None = None
    delta_step: float = 0.25  # of the universal delta, as a part of epsilon
    delta_momentum: float = 0.9  # of its steps; 0: along each batch's own gradient
    patterns: int = 2  # universal deltas side by side
    restart: int = 32  # updates, after which the oldest delta begins anew; 0: none ever does
    pgd_steps: int = 7
    clean_share: float = 0.5  # of each batch's clips, which stay as they are
    noise: float | None = None  # standard deviation in [0, 1] pixel units
    sampler: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    defense: str | None = None
    test: str | None = None
    held_out: float = 0.2
    epochs: int | None = None
    time_budget: float | None = None
    patience: int | None = None
    batch: int = 8
    optimizer: OptimizerName = "adamw"
    learning_rate: float | None = None
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    no_flip: bool = False
    precision: Precision = "fp32"
    judge: bool = True
    attack_seeds: int = 3
    attack_steps: int = ATTACK_STEPS
    memory: int = FRAME_STORE_BYTES
    device: str = "auto"
    seed: int = 0
    root: str | None = None  # where a list's relative paths begin
    fps: float | None = None  # of frame folders
    labels: str | None = None  # a file with the names of a list's numbers

    @property
    def test_source(self) -> SetSource | None:
        """The set that is measured on; None: a share of the videos is held out."""
        return None if self.test is None else SetSource.parse(self.test, self.root, self.fps, self.labels)

    def check(self) -> None:
        """Refuses options that do not fit together.

        Raises:
            LsapError: naming them.
        """
        if self.method == "noise" and self.noise is None:
            raise LsapError("--method noise trains on Gaussian noise; say how much with --noise SIGMA, such as 0.1")
        kind = (self.binding or "").partition(":")[0]
        if kind in ("append", "slot"):
            raise LsapError(
                f"--binding {self.binding} is not added to a video's own frames, which harden trains on; use constant, "
                "cyclic:P or relative:P"
            )
        if not self.judge and (self.attack_seeds, self.attack_steps) != (3, ATTACK_STEPS):
            raise LsapError("--attack-seeds and --attack-steps are of the attackers of --judge; leave --no-judge out")
