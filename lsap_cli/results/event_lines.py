"""Lines of events.jsonl as events: of this version's kinds, of another version's, or damaged."""

from typing import Any

import msgspec

from lsap_cli.results.base import Result
from lsap_cli.results.events import Event, kind_name


class OtherEvent(Result, frozen=True, kw_only=True):
    """An event of a kind that is unknown to this version.

    Attributes:
        kind: its name.
        time: seconds since 1970.
        fields: everything else.
    """

    kind: str
    time: float = 0.0
    fields: dict[str, Any] = msgspec.field(default_factory=dict)  # whatever another version wrote


KINDS: tuple[str, ...] = tuple(kind_name(one) for one in Event.__args__)
_decoder = msgspec.json.Decoder(Event)
_other_decoder = msgspec.json.Decoder(dict[str, Any])  # keys are looked at before anything is believed


def decode_event(line: bytes) -> Event | OtherEvent | None:
    """The event of one line; None where the line is damaged."""
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError:
        return _other(line)
    except (msgspec.DecodeError, RecursionError):
        return None


def _other(line: bytes) -> OtherEvent | None:
    """An event of another version's kind; None where a kind of ours has fields that cannot be."""
    try:
        fields = _other_decoder.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    kind, time = fields.pop("kind", None), fields.pop("time", 0.0)
    if not isinstance(kind, str) or kind in KINDS or not isinstance(time, int | float):
        return None
    return OtherEvent(kind=kind, time=float(time), fields=fields)
