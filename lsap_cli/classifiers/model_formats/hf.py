"""`hf:FOLDER` and `hf:OWNER/NAME`: video classifiers of transformers, with everything read from their files.

The folder needs config.json, weights in safetensors, and the preprocessing's file. Code in a folder is never run.
"""

import importlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from lsap_cli.classifiers.checkpoints import misfit_text
from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.hf_labels import check_frames, declared_frames, declared_labels, declared_size
from lsap_cli.classifiers.model_formats.hf_processor import FolderProcessor, find_processor, followed_input
from lsap_cli.classifiers.places import check_place
from lsap_cli.classifiers.weights import error_text, sha256
from lsap_cli.errors import LsapError
from lsap_cli.results.files import write_atomically

WEIGHTS = "model.safetensors"
METADATA = {"format": "pt"}  # without which transformers refuses a file
INDEX = "model.safetensors.index.json"
NEEDED_FILES = ("*.json", "*.safetensors")
READ_FILES = ("config.json", "processor_config.json", "video_preprocessor_config.json", "preprocessor_config.json")
"""The files beside the weights that lsap reads."""
ROW_A_FRAME = (
    "attention_type space_only: transformers gives a row of logits a frame, and no rule that joins them; lsap takes "
    "their mean over the frames of a clip"
)


class HuggingFaceNetwork(nn.Module):
    """A video classifier of transformers that takes clips (B, T, 3, H, W) and gives logits (B, classes).

    Args:
        model: the classifier.
        row_a_frame: whether it gives logits (B T, classes), which are averaged over the frames of each clip.
    """

    def __init__(self, model: nn.Module, row_a_frame: bool = False) -> None:
        super().__init__()
        self.model = model
        self.row_a_frame = row_a_frame

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.model(clips).logits
        if self.row_a_frame:
            return logits.reshape(*clips.shape[:2], -1).mean(1)
        return logits.squeeze(1) if logits.ndim == 3 else logits  # VideoPrism gives (B, 1, classes)


def load_hf(request: NetworkRequest) -> LoadedNetwork:
    """The network of a folder, or of a repository that is in the local cache.

    Raises:
        LsapError: naming the file that is missing, contradicts itself or does not fit.
    """
    folder = local_folder(request.place, request.where)
    where = request.where
    config = _read_config(folder, where)
    _refuse_pickles(folder, where)
    _check_architecture(config, where)
    _check_kind(config, where)
    check_frames(config, where)
    one_output = request.gives is not None and request.gives.one_output
    labels = declared_labels(config, where, request.labels, one_output)
    with _quiet_transformers(where):
        model = _load_model(folder, where)
        frames = declared_frames(model.config, where)
        if request.expects is None:
            processor = find_processor(folder, str(config.get("model_type")), where)
            expects = followed_input(processor, frames, where)
            notes = tuple(_notes(processor, config))
        else:
            expects, notes = request.expects, ()
    row_a_frame = config["model_type"] == "timesformer" and config.get("attention_type") == "space_only"
    if row_a_frame:
        notes = (*notes, ROW_A_FRAME)
    _check_input(expects, frames, declared_size(model.config), where)
    classes = int(model.config.num_labels)
    if classes != (1 if one_output else len(labels)):
        raise LsapError(f"{where}: the network has {classes} classes, and there are {len(labels)} labels")
    return LoadedNetwork(
        HuggingFaceNetwork(model, row_a_frame),
        folder.name if Path(request.place).is_dir() else request.place,
        labels,
        expects,
        source=_hashes(folder),
        notes=notes,
    )


def write_hf(network: nn.Module, source: Path, folder: Path) -> None:
    """Writes a network's weights, in float32, and copies the JSON files that say how it is built and fed.

    Args:
        network: that `load_hf` has made.
        source: the folder that it was loaded from.
        folder: that is there, and gets what the other has.
    """
    assert isinstance(network, HuggingFaceNetwork)
    files = {name: source / name for name in READ_FILES if (source / name).is_file()}
    model: Any = network.model
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    write_atomically(folder / WEIGHTS, save(state, METADATA))
    for name, path in files.items():
        if path.resolve() != (folder / name).resolve():
            write_atomically(folder / name, _in_float32(path) if name == READ_FILES[0] else path.read_bytes())


def _in_float32(config: Path) -> str:
    """The text of a config.json for weights in float32: transformers reads them in the type that it names."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    for key in ("dtype", "torch_dtype"):  # since transformers 5, and before
        if key in settings:
            settings[key] = "float32"
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def local_folder(place: str, where: str) -> Path:
    """The folder with a network's files.

    Args:
        place: a folder, or OWNER/NAME of a repository that was downloaded before.
        where: who asks, for sentences.

    Raises:
        LsapError: if it is neither.
    """
    folder = Path(place)
    if folder.is_dir():
        return folder
    check_place("hf", place, where)
    hub = _hub(where)
    try:
        return Path(hub.snapshot_download(place, allow_patterns=NEEDED_FILES, local_files_only=True))
    except Exception:  # several kinds, all of which mean that it is not there
        raise LsapError(
            f"{where}: {place} is neither a folder nor in the local Hugging Face cache; --download fetches it "
            f"once, as in lsap models show hf:{place} --download"
        ) from None


def download(place: str, quiet: bool = False) -> Path:
    """Brings a repository's files into the local Hugging Face cache.

    Args:
        place: OWNER/NAME.
        quiet: whether no progress is shown on stderr.

    Raises:
        LsapError: if that fails.
    """
    hub = _hub(f"the model 'hf:{place}'")
    if quiet:
        importlib.import_module("huggingface_hub.utils").disable_progress_bars()
    try:
        return Path(hub.snapshot_download(place, allow_patterns=NEEDED_FILES))
    except Exception as error:  # of the network, of the server, of the disk
        raise LsapError(
            f"hf:{place} cannot be downloaded ({type(error).__name__}: {error_text(error)}); fetch its files elsewhere "
            "and give their folder: hf:FOLDER",
            exit_code=1,
        ) from None


def _hub(where: str) -> Any:
    _transformers(where)  # which brings it
    return importlib.import_module("huggingface_hub")


def _transformers(where: str) -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise LsapError(f"{where} needs the package transformers ({error}): pip install 'lsap[hf]'") from None


def _read_config(folder: Path, where: str) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LsapError(f"{where}: {path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise LsapError(f"{where}: {path} is not JSON ({error})") from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise LsapError(f"{where}: {path} has no model_type; it must be the configuration of a transformers network")
    return config


def _refuse_pickles(folder: Path, where: str) -> None:
    """Weights are read from safetensors only: what else lies there is named."""
    if (folder / WEIGHTS).is_file() or (folder / INDEX).is_file():
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    what = f"only {', '.join(pickled[:3])}, and pickles can run code" if pickled else "no weights"
    raise LsapError(
        f"{where}: {folder} has {what}; {WEIGHTS} is needed: save the network again with "
        "model.save_pretrained(FOLDER), which writes it"
    )


def _load_model(folder: Path, where: str) -> Any:
    """The classifier with all its weights, in float32.

    transformers gives weights that are missing random values and goes on: its report is read, and they are refused.
    """
    transformers = _transformers(where)
    try:
        model, report = transformers.AutoModelForVideoClassification.from_pretrained(
            folder,
            dtype=importlib.import_module("torch").float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # so that the report names them; they are refused below
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises many kinds; each becomes a sentence about the folder
        raise LsapError(f"{where} cannot be loaded: {_reason(error)}") from None
    shapes = {one[0]: (one[1], one[2]) for one in report["mismatched_keys"]}
    lacking = sorted(set(report["missing_keys"]) - {*shapes})
    problem = misfit_text(lacking, sorted(report["unexpected_keys"]), shapes)
    if problem:
        raise LsapError(f"{where}: the weights in {folder} do not fit the network {type(model).__name__}: {problem}")
    return model


def _check_architecture(config: Mapping[str, Any], where: str) -> None:
    """Refuses a network that was saved without a classifier, such as one that was pre-trained only."""
    written = config.get("architectures")
    names = [one for one in written if isinstance(one, str)] if isinstance(written, list) else []
    if names and not any("Classification" in name for name in names):
        raise LsapError(
            f"{where}: its architecture {names[0]} in config.json gives no scores of classes; give the folder of a "
            "network that was fine-tuned to classify videos (...ForVideoClassification), or a model card with a factory"
        )


def _check_kind(config: Mapping[str, Any], where: str) -> None:
    """Refuses a network that classifies something else than videos, before anything else of it is asked for."""
    _transformers(where)
    mapping: Any = importlib.import_module("transformers.models.auto.modeling_auto")
    known = mapping.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES
    if config["model_type"] not in known:
        own = "; the folder brings code of its own, which lsap does not run" if "auto_map" in config else ""
        raise LsapError(
            f"{where} cannot be loaded: its model_type '{config['model_type']}' is no video classifier of "
            f"transformers, whose are {', '.join(sorted(known))}{own}; write a model card with a factory for it"
        )


def _reason(error: Exception) -> str:
    """Why transformers could not load a folder, in plain words where the reason is known."""
    if type(error).__name__ == "SafetensorError":
        return f"its weights are damaged or cut ({error_text(error)}); copy them again"
    return f"{type(error).__name__}: {error_text(error)}"


def _check_input(expects: InputFormat, frames: int, size: tuple[int, int] | None, where: str) -> None:
    if expects.frames != frames:
        raise LsapError(
            f"{where}: the card has {expects.frames} frames, and the network's configuration {frames}: with another "
            f"number it mixes or drops frames without an error; write frames = {frames}"
        )
    if size is not None and tuple(expects.size) != size:
        raise LsapError(
            f"{where}: frames of {expects.size[0]} x {expects.size[1]} would reach a network that is configured for "
            f"{size[0]} x {size[1]}; correct the size in the preprocessing's file or in config.json"
        )
    if expects.layout != "BTCHW":
        raise LsapError(f"{where}: the card's layout is {expects.layout}; networks of transformers take BTCHW")


def _notes(processor: FolderProcessor, config: dict[str, Any]) -> Iterator[str]:
    by = f"as {processor.file} names it" if processor.named else f"the default of {config['model_type']}"
    yield f"preprocessing of {processor.kind.__name__}, {by}"
    normalizes = processor.settings.get("do_normalize", True)
    keys = ("size", "image_mean", "image_std") if normalizes else ("size",)
    absent = [key for key in keys if key not in processor.settings]
    if absent:
        yield f"{', '.join(absent)} not in {processor.file}: the defaults of {processor.kind.__name__}"
    yield "the files do not say how frames are sampled: uniform, unless a card or --sampler says otherwise"


def _hashes(folder: Path) -> dict[str, str]:
    """What determines the network's figures, by content."""
    files: Sequence[Path] = [folder / name for name in READ_FILES if (folder / name).is_file()]
    hashes = {path.stem + "_sha256": sha256(path) for path in files}
    weights = [folder / WEIGHTS] if (folder / WEIGHTS).is_file() else sorted(folder.glob("*.safetensors"))
    for number, path in enumerate(weights):
        hashes["weights_sha256" if number == 0 else f"weights_{number}_sha256"] = sha256(path)
    return hashes


@contextmanager
def _quiet_transformers(where: str) -> Iterator[None]:
    """Without transformers' bars and warnings: what matters in them is read from its report and said by lsap."""
    utils: Any = importlib.import_module(f"{_transformers(where).__name__}.utils.logging")
    level, bars = utils.get_verbosity(), utils.is_progress_bar_enabled()
    utils.set_verbosity(logging.CRITICAL)
    utils.disable_progress_bar()
    try:
        yield
    finally:
        utils.set_verbosity(level)
        if bars:
            utils.enable_progress_bar()
