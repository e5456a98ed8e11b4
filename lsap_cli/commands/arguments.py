"""Arguments that are checked while the command line is parsed: before torch is imported, before a run folder is made.

Each function is the callback of an option: it gives the value back, or says in one sentence what would work. The same
checks serve the dashboard's forms.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lsap_cli import plugins
from lsap_cli.applying.strength import check_strength
from lsap_cli.backbone_names import backbone_names, check_backbone
from lsap_cli.cluster.settings import check_cluster
from lsap_cli.cuda_devices import why_no_device
from lsap_cli.errors import LsapError
from lsap_cli.gallery import gallery_names, resolved
from lsap_cli.known_parts import PartKind, check_chain, check_spec
from lsap_cli.set_checks import check_set
from lsap_cli.set_sources import SetSource
from lsap_common import did_you_mean, parse_epsilon, unknown_name

CLOSED_NORMS = ("linf", "l2")
Names = str | Callable[[], Iterable[str]]  # a kind of `lsap list`, or a function that gives the words
Check = TypeVar("Check", bound=Callable[..., Any])


def completes(names: Names) -> Callable[[Check], Check]:
    """Marks a check with the names that it takes, which shells and forms complete."""

    def mark(check: Check) -> Check:
        check.completes = names  # type: ignore[attr-defined]  # Typer keeps attributes of a callback
        return check

    return mark


def completed_names(parameter: Any) -> str | tuple[str, ...] | None:  # Typer keeps the class of its parameters private
    """The kind of parts, or the words, that an option or an argument takes; None: it takes anything, or paths."""
    names = getattr(parameter.callback, "completes", None)
    return names if names is None or isinstance(names, str) else (*names(),)


@completes("formats")
def source(path: Path) -> Path:
    """A set of videos that is there: a folder, a list, a file, or FORMAT:PATH."""
    check_set(path)
    return path


@completes("formats")
def optional_source(path: Path | None) -> Path | None:
    """A set of videos, where one was given."""
    return None if path is None else source(path)


def folder_check(flag: str) -> Callable[[Path | None], Path | None]:
    """A check of folders that must be there."""

    def check(path: Path | None) -> Path | None:
        if path is not None and not path.is_dir():
            raise LsapError(f"{flag} {path} is not a folder")
        return path

    return check


def new_folder(path: Path) -> Path:
    """A folder that will be written into."""
    if path.exists() and not path.is_dir():
        raise LsapError(f"{path} is a file; give a folder that does not exist yet")
    return path


def label_file(path: Path | None) -> Path | None:
    """A file of labels' names, where one was given."""
    SetSource.parse(".", labels=None if path is None else str(path))
    return path


def fps(pace: float | None) -> float | None:
    """A pace of pictures, where one was given."""
    SetSource.parse(".", fps=pace)
    return pace


def output_file(flag: str, *suffixes: str) -> Callable[[Path | None], Path | None]:
    """A check of files that will be written: the name of a file, with a suffix that says what is in it.

    Args:
        flag: for the sentence.
        suffixes: that are taken, the usual one first.
    """

    def check(path: Path | None) -> Path | None:
        if path is None:
            return None
        if path.is_dir() or not path.name.strip("."):
            raise LsapError(f"{flag} {path} is not a file name; use a name such as r{suffixes[0]}")
        if path.suffix.lower() not in suffixes:
            what = f"ends in {path.suffix}" if path.suffix else "has no suffix"
            raise LsapError(
                f"{flag} {path} {what}, and the file is {' or '.join(suffixes)}; use {path.with_suffix(suffixes[0])}"
            )
        return path

    return check


def perturbed(path: Path | None) -> Path | None:
    """A folder that `lsap apply` wrote, where one was given."""
    if path is not None and not path.is_dir():
        raise LsapError(f"the folder {path} does not exist; give the one that lsap apply wrote, or --perturbation FILE")
    return path


def _gallery_specs() -> list[str]:
    return [f"gallery:{name}" for name in gallery_names()]


@completes(_gallery_specs)
def perturbation(path: Path) -> Path:
    """A perturbation file that is there; of the gallery, its file."""
    path = resolved(path)
    if not path.is_file():
        raise LsapError(
            f"the perturbation {path} does not exist; make one with lsap generate, or take one of gallery:NAME"
        )
    return path


@completes(_gallery_specs)
def perturbations(paths: list[Path] | None) -> list[Path] | None:
    """Perturbation files that are there."""
    return None if paths is None else [perturbation(path) for path in paths]


@completes("models")
def model(spec: str) -> str:
    """A model card whose fields and files are right, or the name of a model."""
    from lsap_cli.classifiers.spec_checks import check_model_spec

    check_model_spec(spec)
    return spec


@completes("models")
def optional_model(spec: str | None) -> str | None:
    """The same, where one was given."""
    return None if spec is None else model(spec)


@completes("models")
def optional_models(specs: list[str] | None) -> list[str] | None:
    """Several of them, where some were given."""
    return None if specs is None else models(specs)


def study_names() -> list[str]:
    """The studies that lsap ships, as they are written."""
    from lsap_cli.study.shipped import ORDER, PREFIX

    return [f"{PREFIX}{name}" for name in ORDER]


@completes(study_names)
def study_file(spec: str) -> str:
    """A study file that is there, or the name of one that lsap ships."""
    from lsap_cli.study.shipped import PREFIX, shipped_path

    if spec.startswith(PREFIX):
        shipped_path(spec)
    elif not Path(spec).is_file():
        raise LsapError(f"the study file {spec} does not exist; give a TOML file, or one of {', '.join(study_names())}")
    return spec


@completes("models")
def models(specs: list[str]) -> list[str]:
    """Several of them."""
    return [model(spec) for spec in specs]


def check_labels(model: str, **labels: str | None) -> None:
    """Refuses labels that a model does not have, where its labels are known without torch.

    Args:
        model: its spec.
        labels: by the name of the option, such as `target`; None: not given.

    Raises:
        LsapError: naming the nearest labels.
    """
    given = {name: label for name, label in labels.items() if label is not None}
    if not given:
        return
    from lsap_cli.classifiers.labels import class_index
    from lsap_cli.classifiers.spec_checks import known_labels

    known = known_labels(model)
    for name, label in given.items() if known else ():
        class_index(label, known or (), model, f"--{name}")


@completes(lambda: backbone_names("torchvision"))
def backbone(name: str | None) -> str | None:
    """An image network of torchvision or timm, where one was given."""
    if name is not None:
        check_backbone(name)
    return name


def initial_weights(text: str | None) -> str | None:
    """A file of weights that is there, or the word imagenet."""
    if text is not None and text != "imagenet" and not Path(text).is_file():
        raise LsapError(
            f"--weights {text} does not exist; give a file of weights, or imagenet for those in torch's cache"
        )
    return text


def epsilon(text: str) -> str:
    """A budget in (0, 1], as `8/255` or `0.03`: the texts that a `Budget` reads."""
    try:
        parse_epsilon(text)
    except ValueError as error:
        raise LsapError(str(error)) from None
    return text


def epsilons(text: str | None) -> str | None:
    """Several budgets with commas between them."""
    for part in text.split(",") if text else ():
        try:
            epsilon(part.strip())
        except LsapError as error:
            raise LsapError(f"--epsilons: {error}") from None
    return text


def _binding_starts() -> list[str]:
    return [name if name == "constant" else f"{name}:" for name in plugins.binding_names()]


@completes(_binding_starts)
def binding(text: str | None) -> str | None:
    """A binding with its number of slots: the texts that `perturbations.parse_binding` reads."""
    if text is None or text == "constant":
        return text
    kind, _, slots = text.partition(":")
    counted = [name for name in plugins.binding_names() if name != "constant"]
    most = {"constant": 1}.get(kind, 4096)
    if kind not in (*counted, "constant") or not re.fullmatch(r"[0-9]{1,99}", slots) or not 1 <= int(slots) <= most:
        raise LsapError(
            f"the binding '{text}' cannot be read; use constant or {', '.join(f'{name}:P' for name in counted)}, "
            "with P from 1 to 4096, as in cyclic:16"
        )
    return text


def cluster(address: str | None) -> str | None:
    """`local:N`, or where a Ray cluster listens; Ray must be installed."""
    return check_cluster(address)


@completes(lambda: ("auto", "cpu", "cuda"))
def device(text: str) -> str:
    """A device that can be there."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", text):
        hint = did_you_mean(text, ("auto", "cpu", "cuda"))
        raise LsapError(f"--device {text} is unknown; use auto, cpu, cuda or cuda:N{hint}")
    kind, _, number = text.partition(":")
    problem = why_no_device(int(number or 0)) if kind == "cuda" else None
    if problem is not None:
        raise LsapError(f"--device {text}: {problem}")
    return text


def duration_check(flag: str) -> Callable[[str | None], str | None]:
    """A check of lengths of time."""

    def check(text: str | None) -> str | None:
        seconds(text, flag)
        return text

    return check


def seconds(text: str | None, flag: str) -> float | None:
    """`120s`, `10m`, `1h` or `120` in seconds.

    Raises:
        LsapError: if it is none of these.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,12})?)\s*(s|m|h|)", text.strip())
    if not match or float(match.group(1)) <= 0:
        raise LsapError(f"{flag} '{text}' is not a length of time; write it as 120s, 10m or 1h")
    return float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[match.group(2)]


def word(flag: str, *words: str) -> Callable[[str], str]:
    """A check that a value is one of some words."""

    @completes(lambda: words)
    def check(text: str) -> str:
        if text not in words:
            raise LsapError(f"{flag} {text} is unknown; use {', '.join(words)}{did_you_mean(text, words)}")
        return text

    return check


def not_empty(flag: str) -> Callable[[str | None], str | None]:
    """A check of words that the network alone knows."""

    def check(text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise LsapError(f"{flag} is empty; leave it out, or give a name")
        return text

    return check


def strength(factor: float) -> float:
    """What a perturbation is multiplied by."""
    try:
        check_strength(factor)
    except ValueError as error:
        raise LsapError(f"--strength: {error}") from None
    return factor


def whole_numbers(flag: str) -> Callable[[str], str]:
    """A check of whole numbers with commas between them."""

    def check(text: str) -> str:
        numbers_of(text, flag)
        return text

    return check


def numbers_of(text: str, flag: str) -> tuple[int, ...]:
    """`2,8` as numbers.

    Raises:
        LsapError: if they are no whole numbers of at least 1.
    """
    try:
        numbers = tuple(map(int, text.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise LsapError(f"{flag} '{text}' is no list of whole numbers of at least 1; write it as 2,8")
    return numbers


def part(kind: PartKind) -> Callable[[str], str]:
    """A check of the name and the settings of one part.

    Settings of installed packages' parts are checked when the part is built, which imports torch.
    """

    @completes(kind)
    def check(spec: str) -> str:
        check_spec(kind, spec)
        return spec

    return check


def optional_part(kind: PartKind) -> Callable[[str | None], str | None]:
    """The same, where a spec was given."""
    check_given = part(kind)

    @completes(kind)
    def check(spec: str | None) -> str | None:
        return None if spec is None else check_given(spec)

    return check


def parts(kind: PartKind, *besides: str) -> Callable[[Sequence[str] | None], object]:
    """The same for several specs, each of which can be a chain `first + second`.

    Args:
        kind: of parts.
        besides: words that stand for no part, such as none.
    """

    @completes(kind)
    def check(specs: Sequence[str] | None) -> Sequence[str] | None:
        for spec in specs or ():
            if spec.strip() not in besides:
                check_chain(kind, spec)
        return specs

    return check


def defense_chain(spec: str | None) -> str | None:
    """A defense, or several in a row, where one was given."""
    if spec is not None:
        check_chain("defenses", spec)
    return spec


def name_of_table(noun: str, names: Callable[[], Iterable[str]]) -> Callable[[str | None], str | None]:
    """A check that a word is one of a table's names, where one was given."""

    @completes(names)
    def check(word: str | None) -> str | None:
        if word is not None and word not in (known := tuple(names())):
            raise LsapError(unknown_name(noun, word, known))
        return word

    return check


attack = part("attacks")
family = part("families")
sampler = part("samplers")
codec = part("codecs")
samplers = parts("samplers")
defenses = parts("defenses", "none")
detectors = parts("detectors")
smoothings = parts("smoothings")
segment = optional_part("segments")
update = name_of_table("update", plugins.update_names)
coherence = name_of_table("coherence", plugins.coherence_names)
norm = word("--norm", *CLOSED_NORMS)


def target_names() -> list[str]:
    """Programs and files that a run is exported to."""
    from lsap_cli.reports.exports.targets import TARGETS

    return list(TARGETS)


@completes(target_names)
def targets(words: Sequence[str] | None) -> Sequence[str] | None:
    """Several of them."""
    check = name_of_table("target", target_names)
    for one in words or ():
        check(one)
    return words
