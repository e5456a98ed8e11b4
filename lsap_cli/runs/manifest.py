"""Reading the manifest of a folder of perturbed videos."""

from pathlib import Path

import msgspec

from lsap_cli.errors import LsapError
from lsap_cli.results.manifest import MANIFEST_FILE, ManifestEntry


def read_manifest(folder: Path) -> dict[str, ManifestEntry]:
    """The entries by their source, empty without a manifest; a last line that was not finished is left out.

    Raises:
        LsapError: if it cannot be read, is damaged, or names files outside of the folder.
    """
    path = folder / MANIFEST_FILE
    decoder = msgspec.json.Decoder(ManifestEntry)
    try:
        content = path.read_bytes() if path.exists() else b""
        entries = [decoder.decode(line) for line in content.split(b"\n")[:-1]]
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise LsapError(f"{path} is damaged ({error}); apply the perturbation again, into a new folder") from None
    except OSError as error:
        raise LsapError(f"{path} cannot be read ({error.strerror})", 1) from None
    return {entry.source: entry for entry in entries}


def output_path(folder: Path, entry: ManifestEntry) -> Path:
    """Where an entry's output lies.

    Raises:
        LsapError: if it is a link that leads out of the folder.
    """
    path = folder / entry.output
    if not path.resolve().is_relative_to(folder.resolve()):
        raise LsapError(f"{path} is a link that leads out of {folder}; apply the perturbation again, into a new folder")
    return path
