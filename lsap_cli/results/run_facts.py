"""run.json: what was run, with what, and how it ended."""

from typing import Any, Literal

from msgspec import field

from lsap_cli.results.base import UNSET, Result, UnsetType

RunStatus = Literal["running", "done", "failed", "interrupted"]


class RunFacts(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.run/1"):
    """What was run, with what, and how it ended.

    Attributes:
        command: `generate`, `apply`, `defend`, `train`, `harden`, `demo`, `models check` or `models predict`.
        status: a killed run stays `running`.
        started: UTC, ISO 8601; of a resumed run, of its last part.
        finished: likewise; null until then.
        pid: of the process.
        host: the machine's name.
        working_folder: where relative paths begin.
        command_line: of the process.
        settings: the command's options.
        versions: of Python, lsap and the packages that results depend on.
        platform: of the machine.
        device: `generate` and `defend`: the device that was used.
        classifier: `generate` and `defend`: the model's name, spec and hashes.
        threads: `generate` and `defend`: of torch; another number gives other bits. Absent in files of version 0.1.
        error: of a failed run: the sentence.
    """

    command: str
    status: RunStatus
    started: str | None = None
    finished: str | None = None
    pid: int | None = None
    host: str | None = None
    working_folder: str | None = None
    command_line: tuple[str, ...] = ()
    settings: dict[str, Any] = field(
        default_factory=dict
    )  # each command has options of its own; it validates them when it takes them back
    versions: dict[str, str] = field(default_factory=dict)
    platform: str = ""
    device: str | UnsetType = UNSET
    classifier: dict[str, str] | UnsetType = UNSET
    threads: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
