"""The folder that `train` and `harden` write: a model card, the weights, the labels, lists of both sides' videos."""

import csv
import fcntl
import io
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors.torch import save
from torch import nn

from lsap_cli.classifiers.card_fields import ModelCard
from lsap_cli.classifiers.card_text import fields_text
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.errors import LsapError
from lsap_cli.results.events import WarningEvent
from lsap_cli.results.files import write_atomically
from lsap_cli.runs import Run
from lsap_cli.training.labeled_videos import LabeledVideos
from lsap_cli.training.out_folder import CARD_FILE, FIT_LIST, HELD_OUT_LIST, LABELS_FILE, WEIGHTS_FILE
from lsap_cli.training.settings import TrainSettings

PLACES = 4  # of the accuracy in the card
PARTIAL = re.compile(r"\..+\.\d+\.partial")  # what `write_atomically` writes first, with its process's number
TRIAL = ".lsap-trial-"  # begins the name of a folder in which a card is tried


@contextmanager
def own_out_folder(out: Path, run: Run) -> Iterator[None]:
    """Makes the folder before anything long begins, and keeps other runs out of it while the block lasts.

    A folder that it made is removed again where an error leaves nothing in it. Of several processes that torchrun
    started, the first one has the folder.

    Args:
        out: the folder.
        run: gets a warning where the file system has no locks.

    Raises:
        LsapError: if it cannot be made or written to, or another run writes into it.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    was_there, probe = out.exists(), out / ".lsap-train"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        handle = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise LsapError(f"--out {out} cannot be written ({error.strerror}); give another folder", 1) from None
    try:
        _lock(handle, out, run)
        _remove_parts(out)
        yield
    except BaseException:
        if not was_there:
            with suppress(OSError):  # it holds something
                out.rmdir()
        raise
    finally:
        os.close(handle)


def _lock(handle: int, out: Path, run: Run) -> None:
    """Locks a folder until it is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LsapError(f"another lsap process is writing into --out {out}; give another folder", 1) from None
    except OSError as error:
        message = f"--out {out} cannot be locked ({error.strerror}): start no other run that writes into it"
        run.event(WarningEvent(message=message))


def _remove_parts(out: Path) -> None:
    """Removes what a run that was killed while it wrote has left beside whole files."""
    for part in out.glob(".*.partial"):
        if PARTIAL.fullmatch(part.name):
            part.unlink(missing_ok=True)
    for trial in out.glob(f"{TRIAL}*"):
        shutil.rmtree(trial, ignore_errors=True)


def write_weights(out: Path, network: nn.Module) -> None:
    """The weights, as safetensors."""
    state = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
    write_atomically(out / WEIGHTS_FILE, save(state))


def write_labels(out: Path, labels: Sequence[str]) -> None:
    """One class a line, in the order of the logits."""
    write_atomically(out / LABELS_FILE, "".join(f"{label}\n" for label in labels))


def write_trained_card(out: Path, classifier: Classifier, settings: TrainSettings, accuracy: float | None) -> Path:
    """The card, with the accuracy once it was measured; it is written last, so that it names files that are there."""
    card = ModelCard(
        name=classifier.name,
        family=settings.family,
        backbone=settings.backbone,
        weights=WEIGHTS_FILE,
        labels=LABELS_FILE,
        accuracy=None if accuracy is None else round(accuracy, PLACES),
        input=classifier.expects,
        sampling=classifier.sampling,
    )
    write_atomically(out / CARD_FILE, fields_text(card))
    return out / CARD_FILE


def write_lists_of_split(out: Path, videos: LabeledVideos, run: Run) -> None:
    """A CSV list of each side, for `generate` and `defend`: videos that the network was not trained on are told apart.

    Videos that a list cannot name (parts of files, members of archives, folders of pictures) become a warning.

    Args:
        out: the folder.
        videos: of both sides.
        run: gets the warning.
    """
    unlisted = 0
    for name, part in {FIT_LIST: [*videos.fit, *videos.validation], HELD_OUT_LIST: videos.held_out}.items():
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("path", "label", "group"))
        for one in part:
            if one.video.inner is not None or not _is_utf8(str(one.video.path.resolve())):
                unlisted += 1
                continue
            rows.writerow((one.video.path.resolve(), one.video.label, videos.recordings[one.video.name]))
        write_atomically(out / name, text.getvalue())
    if unlisted:
        message = f"{FIT_LIST} and {HELD_OUT_LIST} lack {unlisted} videos that are no files of their own"
        run.event(WarningEvent(message=message))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
