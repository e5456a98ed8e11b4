"""What `train` can be asked for, and every default of it. No torch here: `--help` reads the defaults."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

TrainedPart = Literal["head", "last", "all"]
OptimizerName = Literal["adamw", "sgd"]
Precision = Literal["fp32", "bf16", "fp16"]

IMAGENET = "imagenet"
DEFAULT_EPOCHS = 30
DEFAULT_FRAMES, DEFAULT_SIZE = 8, 224
C3D_FRAMES, C3D_SIZE = 16, 112
DEFAULT_SMALLEST_CROP = 0.5
CROP_MARGIN = 8 / 7  # of the resize around the crop, as in 256 for 224
LEARNING_RATES = {"adamw": 1e-3, "sgd": 1e-2}
FRAME_STORE_BYTES = 4 * 2**30
VALIDATION_SHARE = 0.2  # of the videos to learn from, with --patience


class TrainingOptions(ABC):
    """What `train` and `harden` are both asked for: the set, its split and the loop of training.

    Attributes:
        default_epochs: without --epochs and without --time-budget.
        learning_rates: the highest of the schedule, by optimizer, without --learning-rate.
    """

    default_epochs: ClassVar[int]
    learning_rates: ClassVar[Mapping[str, float]]

    videos: str
    trained: TrainedPart
    held_out: float
    epochs: int | None
    time_budget: float | None
    patience: int | None
    batch: int
    optimizer: OptimizerName
    learning_rate: float | None
    weight_decay: float
    label_smoothing: float
    precision: Precision
    seed: int
    root: str | None
    fps: float | None
    labels: str | None

    @abstractmethod
    def check(self) -> None:
        """Refuses options that do not fit together.

        Raises:
            LsapError: naming them.
        """

    @property
    def source(self) -> SetSource:
        """The set of videos."""
        return SetSource.parse(self.videos, self.root, self.fps, self.labels)

    @property
    def epoch_limit(self) -> int | None:
        """Epochs; None: the time budget alone ends training."""
        if self.epochs is not None or self.time_budget is not None:
            return self.epochs
        return self.default_epochs

    @property
    def first_learning_rate(self) -> float:
        """The highest learning rate of the schedule."""
        return self.learning_rate or self.learning_rates[self.optimizer]


@dataclass(frozen=True)
class TrainSettings(TrainingOptions):
    """What `train` was asked for.

    The fields are the command's options and the keys of `settings` in run.json; `None` leaves a choice to the job.
    """

    default_epochs = DEFAULT_EPOCHS
    learning_rates = LEARNING_RATES

    videos: str
    family: str
    out: str
    backbone: str | None = None
    weights: str | None = None  # a file, or IMAGENET
    trained: TrainedPart = "all"
    frames: int | None = None
    size: int | None = None
    sampler: str = "uniform"
    epochs: int | None = None
    time_budget: float | None = None
    patience: int | None = None
    held_out: float = 0.2
    batch: int = 8
    optimizer: OptimizerName = "adamw"
    learning_rate: float | None = None
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    no_flip: bool = False
    smallest_crop: float = DEFAULT_SMALLEST_CROP
    precision: Precision = "fp32"
    workers: int = 0
    memory: int = FRAME_STORE_BYTES
    device: str = "auto"
    seed: int = 0
    root: str | None = None  # where a list's relative paths begin
    fps: float | None = None  # of frame folders
    labels: str | None = None  # a file with the names of a list's numbers
    download: bool = False

    @property
    def family_name(self) -> str:
        """The family without its settings."""
        return self.family.strip().partition(":")[0]

    @property
    def clip_frames(self) -> int:
        """T, the frames of a clip."""
        return self.frames or (C3D_FRAMES if self.family_name == "c3d" else DEFAULT_FRAMES)

    @property
    def input_size(self) -> int:
        """Height and width that the network takes."""
        return self.size or (C3D_SIZE if self.family_name == "c3d" else DEFAULT_SIZE)

    def check(self) -> None:
        """Refuses options that do not fit together.

        Raises:
            LsapError: naming them.
        """
        if self.family_name == "c3d":
            if self.backbone is not None:
                raise LsapError("c3d has no backbone; leave --backbone out")
            if (self.clip_frames, self.input_size) != (C3D_FRAMES, C3D_SIZE):
                raise LsapError(
                    f"c3d takes {C3D_FRAMES} frames of {C3D_SIZE} x {C3D_SIZE}; leave --frames and --size out"
                )
        elif self.backbone is None:
            raise LsapError(
                f"--family {self.family_name} needs --backbone, an image network such as resnet18, "
                "mobilenet_v3_small or timm:NAME"
            )
        if self.weights == IMAGENET and (self.backbone is None or self.backbone.startswith("timm:")):
            raise LsapError("--weights imagenet is for torchvision's backbones; give a file of weights")
        if self.trained != "all" and self.weights is None:
            raise LsapError(f"--train {self.trained} keeps layers as they are, which needs --weights FILE or imagenet")
        if self.download and self.weights != IMAGENET:
            raise LsapError("--download fetches the weights of --weights imagenet, and of nothing else")
