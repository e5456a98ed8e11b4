"""lsap from Python: the clips of a folder as a tensor, and the commands as functions that give typed results.

    classifier = load_classifier("model.toml")
    clips = load_clips(Path("videos"), classifier)
    results = run_defend(DefendSettings("videos", model="model.toml", perturbation="r.safetensors"), Path("runs/mine"))

Tensors alone need none of this: see `perturbations` and `defenses`.
"""

# ruff: noqa: E402
from lsap_cli.starting import refuse_an_import

refuse_an_import()  # before packages are imported that somebody else's may hide

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.classifiers import Classifier
from lsap_cli.cluster.settings import check_cluster
from lsap_cli.datasets import FrameStore, StoredVideo, list_videos
from lsap_cli.errors import LsapError
from lsap_cli.gallery import resolved
from lsap_cli.jobs.apply import apply
from lsap_cli.jobs.defend import defend
from lsap_cli.jobs.defend_settings import DefendSettings, check_defend_settings
from lsap_cli.jobs.generate import generate
from lsap_cli.jobs.harden import harden_classifier
from lsap_cli.jobs.study import fill_grid
from lsap_cli.jobs.train import train_classifier
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.reports.study_page import write_study_report
from lsap_cli.results.documents import ApplyResults, DefendResults, GenerateResults
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.study import StudyResults
from lsap_cli.results.training import TrainResults
from lsap_cli.runs import Listener, Run
from lsap_cli.set_sources import SetSource
from lsap_cli.specs import check_specs
from lsap_cli.study.settings import StudySettings
from lsap_cli.study.study_file import read_study
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.out_folder import check_out_folder
from lsap_cli.training.settings import TrainSettings
from lsap_common import check_least, check_types, require_kind, require_whole
from perturbations import Budget
from perturbations.seeds import seeded

__all__ = [
    "ApplySettings",
    "DefendSettings",
    "GenerateSettings",
    "HardenSettings",
    "StudySettings",
    "TrainSettings",
    "load_clips",
    "run_apply",
    "run_defend",
    "run_generate",
    "run_harden",
    "run_study",
    "run_train",
]

FRAME_STORE_BYTES = 2**30
WORKERS = 2
AT_LEAST_ONE = ("steps", "pool", "batch", "micro_batch", "draws", "views", "workers", "epochs", "patience")
LEAST = dict.fromkeys(AT_LEAST_ONE, 1) | dict.fromkeys(("memory", "seed", "preview"), 0)
"""The smallest value of numbers in settings; the command line asks for the same."""


def load_clips(source: Path | str, classifier: Classifier, clips_per_video: int = 1, seed: int = 0) -> Tensor:
    """Clips of a folder's videos, as the classifier's own sampler and resize give them.

    Args:
        source: a folder of videos, a list, or one video; a path or its text.
        classifier: whose sampler, number of frames and size are taken.
        clips_per_video: spread evenly over each video.
        seed: of a sampler that draws.

    Returns:
        (videos * clips_per_video, T, 3, h, w) float32 in [0, 1], the clips of a video one after the other.

    Raises:
        LsapError: if an argument is wrong, there is no video, or one cannot be read.
    """
    with _as_lsap_errors():
        require_kind("source is", source, (Path, str), "give a path")
        require_kind("the classifier is", classifier, Classifier, "use load_classifier('demo') or Classifier(...)")
        require_whole("clips_per_video", clips_per_video, least=1)
        require_whole("seed", seed)
    with FrameStore(classifier.geometry.shrink, FRAME_STORE_BYTES, WORKERS) as store:
        return torch.cat([*_clips(store, source, classifier, clips_per_video, seed)])


def _clips(
    store: FrameStore, source: Path | str, classifier: Classifier, clips_per_video: int, seed: int
) -> Iterator[Tensor]:
    video_set = list_videos(SetSource.parse(source), classifier.labels)
    for place in video_set.unreadable:
        raise LsapError(f"{place.path} {place.reason}")
    for video, stored in store.load(video_set.videos):
        if not isinstance(stored, StoredVideo):
            raise LsapError(f"{video.name} cannot be used: {stored}")
        generator = seeded(seed, "clips", video.name)
        indices = classifier.sampler.choose(stored.times, classifier.frames, clips_per_video, generator)
        frames = classifier.geometry.crop(stored.clip(indices.flatten()))
        yield frames.unflatten(0, indices.shape).float() / 255


def run_generate(settings: GenerateSettings, folder: Path | str, *listeners: Listener) -> GenerateResults:
    """`lsap generate`: learns a perturbation from videos, verifies it on others, and writes its file.

    Args:
        settings: the command's options.
        folder: a new run folder, which the dashboard can watch meanwhile.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend.
    """
    folder = _checked(settings, GenerateSettings, folder)
    with _as_lsap_errors():
        Budget.parse(settings.norm, settings.epsilon)  # type: ignore[arg-type]  # a wrong norm is refused there
        check_least(settings, {"seeds": 1})
    _ = settings.models  # options that do not fit together are refused
    check_specs(attacks=[settings.attack], samplers=settings.sampler, defenses=settings.through)
    with Run(folder, "generate", asdict(settings), [*listeners]) as run:
        results = generate(settings, run)
    if results is None:
        raise LsapError("run_generate learns in one process; use torchrun with the command for several")
    return results


def run_apply(settings: ApplySettings, folder: Path | str, *listeners: Listener) -> ApplyResults:
    """`lsap apply`: writes every video again with a perturbation in it, and proves what is in the written files.

    Files are written by worker processes, which import the calling script: a script calls this below
    `if __name__ == "__main__":`.

    Args:
        settings: the command's options.
        folder: a new run folder.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend.
    """
    folder = _checked(settings, ApplySettings, folder)
    settings = replace(settings, perturbation=str(resolved(Path(settings.perturbation))))
    if settings.threads not in ("auto", "one", "many"):
        raise LsapError(f"threads is '{settings.threads}'; use auto, one or many")
    with Run(folder, "apply", asdict(settings), [*listeners]) as run:
        return apply(settings, run)


def run_defend(settings: DefendSettings, folder: Path | str, *listeners: Listener) -> DefendResults:
    """`lsap defend`: judges videos clean and perturbed, behind defenses; with `adaptive`, against ladders of attacks.

    Args:
        settings: the command's options.
        folder: a new run folder.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend.
    """
    folder = _checked(settings, DefendSettings, folder)
    if settings.perturbation is not None:
        settings = replace(settings, perturbation=str(resolved(Path(settings.perturbation))))
    check_defend_settings(settings)
    check_specs(
        samplers=settings.sampler,
        defenses=settings.defense,
        detectors=settings.detector,
        smoothings=settings.certify,
    )
    with Run(folder, "defend", asdict(settings), [*listeners]) as run:
        return defend(settings, run)


def run_train(settings: TrainSettings, folder: Path | str, *listeners: Listener) -> TrainResults:
    """`lsap train`: trains a network of a family on labelled videos, and writes its card.

    Args:
        settings: the command's options.
        folder: a new run folder.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend; a folder that holds a card already is not replaced.
    """
    least = {"workers": 0, "frames": 1, "size": 8}
    folder = _checked(settings, TrainSettings, folder, least)
    settings.check()
    check_out_folder(Path(settings.out), overwrite=False, resume=False)
    check_specs(samplers=[settings.sampler])
    with Run(folder, "train", asdict(settings), [*listeners]) as run:
        results = train_classifier(settings, run)
    if results is None:
        raise LsapError("run_train trains in one process; use torchrun with the command for several")
    return results


def run_harden(settings: HardenSettings, folder: Path | str, *listeners: Listener) -> HardenResults:
    """`lsap harden`: trains a network to withstand universal perturbations, and judges it by fresh attackers.

    Args:
        settings: the command's options.
        folder: a new run folder.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend; a folder that holds a card already is not replaced.
    """
    least = {"attack_seeds": 1, "attack_steps": 1, "pgd_steps": 1, "patterns": 1}
    folder = _checked(settings, HardenSettings, folder, least)
    settings.check()
    with _as_lsap_errors():
        Budget.parse(settings.norm, settings.epsilon)  # type: ignore[arg-type]  # a wrong norm is refused there
    check_out_folder(Path(settings.out), overwrite=False, resume=False)
    check_specs(samplers=settings.sampler, defenses=[*settings.through, *filter(None, [settings.defense])])
    with Run(folder, "harden", asdict(settings), [*listeners]) as run:
        results = harden_classifier(settings, run)
    if results is None:
        raise LsapError("run_harden trains in one process; use torchrun with the command for several")
    return results


def run_study(settings: StudySettings, folder: Path | str, *listeners: Listener, resume: bool = False) -> StudyResults:
    """`lsap study`: does the cells of a grid, and makes its tables and its report.

    A cell that fails raises nothing: the results say why. With several workers, which import the calling script, a
    script calls this below `if __name__ == "__main__":`.

    Args:
        settings: the command's options.
        folder: a new run folder; with `resume`, that of the study to go on with.
        listeners: called with every event.
        resume: whether the folder may hold finished cells.

    Raises:
        LsapError: for anything that the caller can mend before any work.
    """
    folder = _checked(settings, StudySettings, folder)
    if settings.cluster_settings is not None:
        check_cluster(settings.cluster)
    request = read_study(settings.study, settings.model, settings.videos, settings.folds, settings.seconds)
    with Run(folder, "study", asdict(settings), [*listeners], resume) as run:
        results = fill_grid(request, settings, run)
    write_study_report(folder)
    return results


@contextmanager
def _as_lsap_errors() -> Iterator[None]:
    """A wrong argument is a mistake that the caller can mend."""
    try:
        yield
    except ValueError as error:
        raise LsapError(str(error)) from None


def _path(name: str, value: Path | str) -> Path:
    require_kind(f"{name} is", value, (Path, str), "give a path")
    return Path(value)


def _checked(settings: object, kind: type, folder: Path | str, least: Mapping[str, int] = MappingProxyType({})) -> Path:
    """The run's folder, after it and the settings were checked.

    Args:
        settings: of the command.
        kind: their class.
        folder: of the run.
        least: the smallest values of its own numbers, before those of all commands.
    """
    with _as_lsap_errors():
        require_kind("the settings are", settings, kind, f"give {kind.__name__}(...)")
        check_types(settings)
        check_least(settings, {name: one for name, one in {**LEAST, **least}.items() if hasattr(settings, name)})
        return _path("folder", folder)
