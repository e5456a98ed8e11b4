"""How a spec that was begun can go on: names, settings, values. For shells and forms; no torch."""

from collections.abc import Iterator
from dataclasses import dataclass

from lsap_cli.known_models import known_models
from lsap_cli.known_parts import KnownPart, ListKind, PartKind, known_parts
from lsap_cli.spec_text import COMMAS_OUTSIDE_OF_BRACKETS, PLUS

LISTS = "[|"  # a spec inside of a list begins behind one of them


@dataclass(frozen=True)
class Completion:
    """One way to go on.

    Attributes:
        text: the whole text after it, from the beginning of what was typed.
        about: what it is, in a line.
    """

    text: str
    about: str = ""

    @property
    def is_open(self) -> bool:
        """Whether something must follow."""
        return self.text.endswith((":", "=", "[", "/"))


def spec_completions(kind: ListKind, typed: str) -> list[Completion]:
    """How a spec can go on.

    Args:
        kind: of parts.
        typed: its beginning; of a chain or of a list in brackets the last member is completed.
    """
    if kind == "models":
        return [Completion(spec, about) for spec, about in known_models() if spec.startswith(typed) and " " not in spec]
    if kind == "formats":
        known = known_parts("formats").values()
        return [Completion(f"{one.name}:", one.about) for one in known if one.name.startswith(typed) and typed]
    before, member, kind = _last_member(kind, typed)
    return [Completion(before + one.text, one.about) for one in _of_member(kind, member)]


def _last_member(kind: PartKind, typed: str) -> tuple[str, str, PartKind]:
    """What stands before the member that is being typed, that member, and its kind."""
    if typed.count("[") > typed.count("]"):
        start = max(map(typed.rfind, LISTS)) + 1
        kind = "defenses"
    else:
        start = max((match.end() for match in PLUS.finditer(typed)), default=0)
    member = typed[start:].lstrip()
    return typed[: len(typed) - len(member)], member, kind


def _of_member(kind: PartKind, typed: str) -> Iterator[Completion]:
    parts = known_parts(kind)
    name, colon, settings = typed.partition(":")
    if colon:
        if name in parts:
            yield from _of_settings(parts[name], f"{name}:", settings)
        return
    for one in parts.values():
        if one.name.startswith(typed):
            yield Completion(one.name, one.about)
    if name in parts and parts[name].settings:
        yield Completion(f"{name}:", "with settings")


def _of_settings(part: KnownPart, before: str, typed: str) -> Iterator[Completion]:
    *given, last = COMMAS_OUTSIDE_OF_BRACKETS.split(typed)
    before += "".join(f"{one}," for one in given)
    key, equals, value = last.partition("=")
    if not equals:
        names = {one.partition("=")[0].strip() for one in given}
        for setting in part.settings or ():
            if setting.name.startswith(key) and setting.name not in names:
                yield Completion(f"{before}{setting.name}=", f"{setting.allowed} (default: {setting.default})")
        return
    setting_or_none = part.setting(key.strip())
    if setting_or_none is not None:
        for word in setting_or_none.choices or (setting_or_none.default,):
            if word.startswith(value):
                about = "the default" if word == setting_or_none.default else ""
                yield Completion(f"{before}{key}={word}", about)
