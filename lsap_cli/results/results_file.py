"""Reading results.json of any command."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lsap_cli.results.documents import RunResults
from lsap_cli.results.files import Loaded, read_kind

RESULT_KINDS: dict[str, type[RunResults]] = {str(one.__struct_config__.tag): one for one in RunResults.__args__}
_decoder = msgspec.json.Decoder(RunResults)


def read_results(path: Path) -> Loaded[RunResults]:
    """A results.json of any command, by its schema."""
    return read_kind(path, _decoder, _kind)


def _kind(content: Mapping[str, Any]) -> type[RunResults] | None:  # any JSON object
    schema = content.get("schema")
    return RESULT_KINDS.get(schema) if isinstance(schema, str) else None
