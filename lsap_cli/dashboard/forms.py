"""Forms for starting a run: a command's parameters as plain values, and the command line that they make."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lsap_cli.runs.reading import RunSnapshot

FieldKind = Literal["text", "path", "switch", "list"]
# beside what is needed, these come first
FIRST = (
    "perturbed", "perturbation", "epsilon", "norm", "attack", "steps", "epochs", "time_budget", "sampler", "defense",
    "adaptive", "codec", "device", "seed",
)  # fmt: skip
WordsCheck = Callable[[str, Sequence[str]], str | None]  # command, words -> what is wrong with them, by its own parser


@dataclass(frozen=True)
class FormField:
    """One parameter of a command.

    Attributes:
        name: as in the command's settings.
        flag: `--epsilon`; empty for words that have a place of their own.
        default: as it would be typed; empty: none.
        help: what it is.
        required: whether the command needs it.
        group: its heading in the command's --help; empty: the first one.
        named: whether it takes names that can be listed and completed.
        new_name: that nothing has yet, for what the command writes there; empty: it reads what is there.
    """

    name: str
    flag: str
    kind: FieldKind
    default: str
    help: str
    required: bool
    group: str = ""
    named: bool = False
    new_name: str = ""


@dataclass(frozen=True)
class Form:
    """A command that can be started."""

    command: str
    about: str
    fields: tuple[FormField, ...]


@dataclass(frozen=True)
class DashboardCommands:
    """What the dashboard needs of the command line.

    Attributes:
        make_forms: makes those of the commands that can be started; that takes as long as drawing the first screen.
        check: the commands' own parsers.
        resume_words: the words behind `lsap` that go on with a run, built from its settings; raises LsapError, saying
            why, where there are none.
        values: of the form of a run's command, as the run was started, by field; raises LsapError, as `resume_words`.
        complete: how the text of a field can go on: command, field, what is typed -> whole texts, with what each is.
    """

    make_forms: Callable[[], Sequence[Form]]
    check: WordsCheck
    resume_words: Callable[[RunSnapshot], list[str]]
    values: Callable[[RunSnapshot], dict[str, str]]
    complete: Callable[[str, str, str], Sequence[tuple[str, str]]]

    @property
    def forms(self) -> Sequence[Form]:
        """Forms of the commands that can be started."""
        return self.make_forms()


def words(form: Form, values: Mapping[str, str]) -> list[str]:
    """The words behind `lsap` for what was filled in; what equals the default is left out.

    Words that have a place of their own follow a `--` where one of them looks like an option.

    Args:
        form: of the command.
        values: text by field name; of a switch `true` or empty; of a list separated by spaces, quoted where need be.
    """
    flags: list[str] = []
    places: list[str] = []
    for field in form.fields:
        value = values.get(field.name, "").strip()
        if field.kind == "switch":
            flags += [field.flag] if value == "true" else []
        elif field.kind == "list":
            flags += [word for one in _split(value) for word in (field.flag, one)]
        elif not field.flag:
            places += [value] if value else []
        elif value and value != field.default:
            flags += [field.flag, value]
    if any(one.startswith("-") for one in places):
        return [form.command, *flags, "--", *places]
    return [form.command, *places, *flags]


def problem(form: Form, values: Mapping[str, str], check: WordsCheck) -> str | None:
    """What is wrong with what was filled in, the first thing only; None: it can be started.

    Only what a parser cannot know is checked here; all else is checked by the command's own parser.
    """
    for field in form.fields:
        value = values.get(field.name, "").strip()
        if field.required and not value:
            return f"{field.flag or field.name} is needed: {field.help}"
        if value and field.kind == "list":
            try:
                shlex.split(value)
            except ValueError:
                return f"{field.flag}: a quote is not closed in {value}"
    command, *rest = words(form, values)
    return check(command, rest)


def ordered(form: Form) -> list[FormField]:
    """The fields as they are filled in: what is needed, then what is changed most, then each group of the help."""
    groups = list(dict.fromkeys(field.group for field in form.fields))

    def place(field: FormField) -> tuple[bool, int, int]:
        often = FIRST.index(field.name) if field.name in FIRST else len(FIRST)
        return not field.required, often, groups.index(field.group)

    return sorted(form.fields, key=place)


def heading(field: FormField) -> str:
    """What a field stands under in `ordered`."""
    if field.required:
        return "Needed"
    return "Most often" if field.name in FIRST else field.group or "Options"


def command_line(line: Sequence[str]) -> str:
    """As it would be typed in a shell."""
    return shlex.join(["lsap", *line])


def _split(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return [value]
