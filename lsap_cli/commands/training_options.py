"""Options of the commands that train a network: `train` and `harden`."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.options import SPEED
from lsap_cli.training.settings import OptimizerName, Precision, TrainedPart

SCHEDULE = "Training"

VideosToTrainOn = Annotated[
    Path, typer.Argument(callback=arguments.source, help="labelled videos: a folder, a list, or FORMAT:PATH ({sets})")
]
TrainedLayers = Annotated[
    str,
    typer.Option(
        "--train",
        callback=arguments.word("--train", *get_args(TrainedPart)),
        help="head, last (and the last quarter of the blocks) or all: the layers that learn",
    ),
]
HeldOutShare = Annotated[
    float, typer.Option(min=0.01, max=0.9, help="share of the videos that are held out, by recording, to measure on")
]
Optimizer = Annotated[
    str,
    typer.Option(
        callback=arguments.word("--optimizer", *get_args(OptimizerName)),
        help="adamw, or sgd with Nesterov's momentum",
        rich_help_panel=SCHEDULE,
    ),
]
WeightDecay = Annotated[float, typer.Option(min=0.0, max=10.0, help="of the optimizer", rich_help_panel=SCHEDULE)]
LabelSmoothing = Annotated[float, typer.Option(min=0.0, max=0.9, help="of the cross-entropy", rich_help_panel=SCHEDULE)]
NoFlip = Annotated[
    bool, typer.Option("--no-flip", help="do not mirror clips, where left and right matter", rich_help_panel=SCHEDULE)
]
TrainingPrecision = Annotated[
    str,
    typer.Option(
        callback=arguments.word("--precision", *get_args(Precision)),
        help="fp32, bf16 or fp16: of the network while it trains; weights are written in fp32",
        rich_help_panel=SPEED,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace what --out holds")]
