"""The files, folders and names behind a format's name, checked without torch."""

import ipaddress
import re
import shlex
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from lsap_cli.errors import LsapError
from lsap_cli.known_models import MODEL_FORMATS, PREFIX, ZOO
from lsap_cli.results.text import printable

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def check_place(name: str, place: str, where: str) -> None:
    """Refuses a place that cannot be a format's: the file that is not there, the folder that is none.

    Args:
        name: of the format.
        place: its file, folder or name.
        where: who asks, for sentences.

    Raises:
        LsapError: naming the place.
    """
    if not place.strip():
        raise LsapError(f"{where} names nothing behind {name}:; write {MODEL_FORMATS[name].spec}")
    if MODEL_FORMATS[name].suffixes and not Path(place).is_file():
        raise LsapError(f"{where}: {place} is not a file")
    if name == "hf" and not Path(place).is_dir() and not REPOSITORY.fullmatch(place):
        raise LsapError(f"{where}: {Path(place)} is not a folder; give one with config.json, or OWNER/NAME")
    if name == "torchvision":
        zoo_weights(PREFIX + place)
    if name == "url":
        local_url(place, where)
    if name == "command":
        command_words(place, where)


def zoo_weights(spec: str) -> tuple[str, Path | None, bool]:
    """The parts of a zoo's spec: `torchvision:NAME`, with `:weights=FILE` or `:weights=none` behind it.

    Returns:
        The network's name, the file with its weights (None: no file is given), and whether it is to stay untrained.

    Raises:
        LsapError: if the name is not known, or the file is not there.
    """
    name, _, option = spec.removeprefix(PREFIX).partition(":")
    if name not in ZOO:
        raise LsapError(
            f"the model '{spec}' is unknown; torchvision's are {', '.join(PREFIX + known for known in ZOO)}"
        )
    if option and not option.startswith("weights="):
        raise LsapError(f"the model '{spec}': only weights=FILE or weights=none can follow the name")
    chosen = option.removeprefix("weights=")
    path = Path(chosen) if chosen not in ("", "none") else None
    if path is not None and not path.is_file():
        raise LsapError(f"the model '{spec}': {path} is not a file")
    return name, path, chosen == "none"


def local_url(text: str, where: str) -> SplitResult:
    """A URL of this machine.

    Args:
        text: as the card has it.
        where: who asks, for sentences.

    Raises:
        LsapError: if it is none.
    """
    wrong = LsapError(
        f"{where}: url is '{printable(text)}'; it must be http:// and an address of this machine, such as "
        "http://127.0.0.1:8000/predict"
    )
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise wrong from None
    if url.scheme != "http" or not url.hostname or url.username or url.fragment or not text.isprintable():
        raise wrong
    if url.hostname != "localhost":
        try:
            address = ipaddress.ip_address(url.hostname)
        except ValueError:
            raise wrong from None
        if not address.is_loopback:
            raise wrong
    return url


def command_words(text: str, where: str) -> list[str]:
    """The program of a command line and its arguments; no shell reads it.

    Args:
        text: as the card has it.
        where: who asks, for sentences.

    Raises:
        LsapError: if it is none.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise LsapError(f"{where}: command is no command line ({error}): {printable(text)}") from None
    if not words:
        raise LsapError(f'{where}: command is empty; it is a command line such as "python serve.py"')
    return words
