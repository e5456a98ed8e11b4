"""What every model format takes and gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from lsap_cli.classifiers.formats import InputFormat, OutputFormat, SamplingFormat, ServiceFormat
from lsap_cli.errors import LsapError


@dataclass(frozen=True)
class NetworkRequest:
    """A network that is asked for, and what a card says of it beside the network's own files.

    Attributes:
        place: the file, folder or name behind the format's name.
        where: who asks, for sentences: "the model card model.toml", "the model 'hf:folder'".
        labels: one a class; None: as the files say.
        expects: what the network takes; None: as the files say.
        gives: what the network gives; None: as the files say.
        service: how a command or a URL is asked; None: by the defaults.
        card: the model card; None: there is none.
    """

    place: str
    where: str
    labels: Sequence[str] | None = None
    expects: InputFormat | None = None
    gives: OutputFormat | None = None
    service: ServiceFormat | None = None
    card: Path | None = None

    @property
    def file(self) -> Path:
        """The place as a file.

        Raises:
            LsapError: if it is none.
        """
        path = Path(self.place)
        if not path.is_file():
            raise LsapError(f"{self.where}: {path} is not a file")
        return path

    def needed_input(self, what: str) -> InputFormat:
        """What the network takes, where its file cannot say it.

        Raises:
            LsapError: if the card does not say it either.
        """
        if self.expects is None:
            raise LsapError(
                f"{self.where} lacks a table [input]: {what} says nothing of layout, frames and size, nor of mean and "
                "std; write them into a model card, as docs/model-card.md shows"
            )
        return self.expects


@dataclass(frozen=True)
class LoadedNetwork:
    """A network, and what its own files say of it; None: they say nothing.

    Attributes:
        network: clips in, scores out.
        name: how it is called in reports.
        labels: one a class.
        expects: what it takes.
        gives: what it gives.
        sampling: its own protocol.
        source: files and their hashes, for the record.
        notes: sentences on how the files were read.
    """

    network: nn.Module
    name: str
    labels: Sequence[str] | None = None
    expects: InputFormat | None = None
    gives: OutputFormat | None = None
    sampling: SamplingFormat | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class BlackBox(nn.Module):
    """A network that gives scores and no gradients."""

    gives_gradients = False

    @property
    def queries_note(self) -> str:
        """How much it was asked, as a sentence; empty where that is no cost."""
        return ""
