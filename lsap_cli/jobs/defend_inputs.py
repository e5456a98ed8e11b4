"""What determines the figures of a `defend` run, by content: for `--resume`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.weights import tensors_hash
from lsap_cli.datasets.base import Video
from lsap_cli.hashing import output_hash, text_hash
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import DefendTask
from lsap_cli.runs.inputs import PARAMETERS, VERSION
from lsap_cli.runs.run import versions
from lsap_cli.video.frames import ffmpeg_version
from lsap_cli.video.media import readable_media_hash

ALSO_COMPARED = ("pillow", "scipy", "scikit-learn", "numba", "opencv-python-headless")  # beside those of run.json
OF_NETWORKS = {  # packages, by where the classes of networks that need them are defined
    "transformers": "transformers",
    "timm": "timm",
    "torchvision": "torchvision",
    "lsap_cli.classifiers.model_formats.onnx": "onnxruntime",
}


def defend_inputs(task: DefendTask, settings: DefendSettings) -> dict[str, str]:
    """Hashes of perturbations, network and videos, and versions of packages, by what they are of."""
    perturbations = [one for one in (settings.perturbation, *settings.seeds) if one is not None]
    files = {f"perturbation {one}": Path(one) for one in perturbations}
    if task.folder:
        files |= {f"perturbed file of {name}": path for name, path in task.folder.files.items()}
    hashes = {name: output_hash(path) for name, path in files.items()}
    hashes |= classifier_inputs(task.classifier)
    return (
        hashes
        | _video_hashes("video", task.videos)
        | _video_hashes("fit video", task.fit)
        | environment_inputs(task.evaluation.protocol.device)
    )


def environment_inputs(device: torch.device) -> dict[str, str]:
    """The kind of device, and the versions of lsap and of the packages that figures depend on.

    Args:
        device: that the network is on.
    """
    known = versions() | {name: _version(name) for name in ALSO_COMPARED} | {"FFmpeg": ffmpeg_version()}
    return {"kind of device": device.type} | {f"{VERSION}{name}": one for name, one in known.items()}


def classifier_inputs(classifier: Classifier, called: str | None = None) -> dict[str, str]:
    """Hashes of a network's files, labels, parameters and buffers, and the versions of packages that it is made of.

    Args:
        classifier: the network.
        called: its name in the names of the hashes; None: its own.
    """
    name = called or classifier.name
    files = {f"{what} of {name}": text for what, text in classifier.source.items() if what.endswith("sha256")}
    return files | {
        f"labels of {name}": text_hash("\n".join(classifier.labels)),
        f"{PARAMETERS}{name}": tensors_hash(classifier.network.state_dict()),
        **{f"{VERSION}{package}": _version(package) for package in _packages_of(classifier)},
    }


def _packages_of(classifier: Classifier) -> set[str]:
    """The packages that the modules of a network come from, but torch."""
    places = {type(module).__module__ for module in classifier.network.modules()}
    return {
        package
        for place, package in OF_NETWORKS.items()
        if any(one == place or one.startswith(f"{place}.") for one in places)
    }


def inputs_of_several(classifiers: Mapping[str, Classifier]) -> dict[str, str]:
    """The hashes of several networks; those with one name are told apart by how they were given.

    Args:
        classifiers: by their specs.
    """
    counts = Counter(one.name for one in classifiers.values())
    inputs: dict[str, str] = {}
    for spec, one in classifiers.items():
        inputs |= classifier_inputs(one, one.name if counts[one.name] == 1 else f"{one.name} ({spec})")
    return inputs


def _video_hashes(kind: str, videos: Iterable[Video]) -> dict[str, str]:
    return {f"{kind} {video.name}": readable_media_hash(video.media) or "missing" for video in videos}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # its module may come from a package of another name
        return "unknown"
