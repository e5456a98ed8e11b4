"""The command line that goes on with a stopped run, built from the settings in its run.json.

A run folder may come from a stranger: its stored command line is never run. Each setting is checked against the option
that it belongs to, and the whole line by the command's own parser.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lsap_cli.errors import LsapError

Settings = Mapping[str, Any]  # of run.json: any JSON value until it is checked here
NOT_STORED = (
    "dry_run",
    "open_report",
    "run",
    "as_json",
    "quiet",
    "dashboard",
    "resume",
    "overwrite",
    "update",
    "coherence",
    "memory_limit",
)
RESUMABLE = ("generate", "apply", "defend", "train", "study", "harden")


def resume_words(parameters: Sequence[Any], command: str, settings: Settings, overwrite: bool) -> list[str]:
    """The words behind `lsap` that go on with a run, without `--resume` and `--run`.

    Args:
        parameters: of the command's parser: Typer's options and arguments.
        command: one of RESUMABLE.
        settings: of run.json.
        overwrite: whether `--overwrite` was given when the run began.

    Raises:
        LsapError: if a setting is unknown to this version, or is not what its option takes.
    """
    values = as_parameters(command, settings)
    known = {parameter.name: parameter for parameter in parameters}
    if overwrite and "overwrite" in known:
        values["overwrite"] = True
    words, places = [command], []
    for parameter in parameters:
        value = values.pop(parameter.name, None)
        given = setting_texts(parameter, value)
        if parameter.param_type_name == "argument":
            places += given
        elif parameter.is_flag:
            words += [parameter.opts[0]] * len(given)
            words += [parameter.secondary_opts[0]] if value is False and parameter.secondary_opts else []
        else:
            words += [f"{parameter.opts[0]}={one}" for one in given]
    if values:
        raise LsapError(f"run.json has settings that this version of lsap does not know: {', '.join(sorted(values))}")
    return [*words, "--", *places]


def as_parameters(command: str, settings: Settings) -> dict[str, Any]:
    """Settings by the names of the command's parameters; what is stored in another unit is written as it is typed."""
    values = {name: value for name, value in settings.items() if name not in NOT_STORED}
    if command in ("generate", "train", "study", "harden") and isinstance(memory := values.get("memory"), int):
        values["memory"] = memory / 2**30
    if command == "defend":
        values["model"] = _joined(values.get("model"), values.pop("also", []))
        values["perturbation"] = _joined(values.get("perturbation"), values.pop("seeds", []))
        for name in ("epsilons", "learning_draws"):
            if isinstance(parts := values.get(name), list):
                values[name] = ",".join(map(str, parts)) or None
    return values


def _joined(first: object, rest: object) -> object:
    """One list of a first value and the others."""
    return ([] if first is None else [first]) + rest if isinstance(rest, list) else rest


def setting_texts(parameter: Any, value: object) -> list[str]:
    """A parameter's values as they are typed; none where the setting is not set."""
    is_flag = getattr(parameter, "is_flag", False)
    if value is None or (is_flag and value is False):
        return []
    values = value if parameter.multiple and isinstance(value, list) else [value]
    if is_flag:
        valid = value is True
    else:
        valid = all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in values)
    if not valid or any("\0" in str(one) for one in values):
        raise LsapError(f"run.json: the setting {parameter.name} is {value!r}, which {parameter.opts[0]} does not take")
    return [str(one) for one in values]
