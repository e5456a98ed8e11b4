"""Completion in bash, zsh and fish: of commands, options, and of what options take, names in specs included.

A shell's script gives the line up to the cursor in `_LSAP_LINE`; the answer is a line for each way to go on: its text,
a tab, and what it is. No answer: the shell completes names of files. Nothing here imports torch.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, cast

import typer

from lsap_cli.commands import arguments
from lsap_cli.known_parts import ListKind, known_names
from lsap_cli.spec_completion import Completion, spec_completions

SHELL, LINE, BREAKS = "_LSAP_COMPLETE", "_LSAP_LINE", "_LSAP_BREAKS"
ASSIGNMENT = re.compile(r"\w+=")
QUOTES = "\"'"
BASH = """\
# lsap's completion for bash; in ~/.bashrc: eval "$(lsap completion bash)"
_lsap() {
    local value about
    COMPREPLY=()
    while IFS=$'\\t' read -r value about; do
        COMPREPLY+=("$value")
    done < <(_LSAP_COMPLETE=bash _LSAP_LINE="${COMP_LINE:0:COMP_POINT}" _LSAP_BREAKS="$COMP_WORDBREAKS" \\
        "$1" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:/[] ]]; then
        compopt -o nospace
    fi
}
complete -o bashdefault -o default -F _lsap lsap
"""
ZSH = """\
#compdef lsap
# lsap's completion for zsh; in ~/.zshrc, behind compinit: eval "$(lsap completion zsh)"
_lsap() {
    local line value
    local -a closed closed_shown open open_shown
    for line in "${(@f)$(_LSAP_COMPLETE=zsh _LSAP_LINE="${(j: :)words[1,CURRENT]}" ${words[1]} 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\\t'*}
        line=${line%$'\\t'}
        if [[ $value == *[=:/[] ]]; then
            open+=("$value"); open_shown+=("${line/$'\\t'/  -- }")
        else
            closed+=("$value"); closed_shown+=("${line/$'\\t'/  -- }")
        fi
    done
    if (( ! ${#closed} && ! ${#open} )); then
        _files
        return
    fi
    compadd -l -d closed_shown -a closed
    compadd -l -S '' -d open_shown -a open
}
compdef _lsap lsap
"""
FISH = """\
# lsap's completion for fish: lsap completion fish > ~/.config/fish/completions/lsap.fish
function __lsap_complete
    set -g __lsap_answer (env _LSAP_COMPLETE=fish _LSAP_LINE=(commandline -cp | string collect) lsap 2>/dev/null)
    test -n "$__lsap_answer"
end
complete --command lsap --no-files --condition __lsap_complete --arguments '(string join -- \\n $__lsap_answer)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def command(
    shell: Annotated[
        str, typer.Argument(callback=arguments.word("the shell", *SCRIPTS), help=f"{', '.join(SCRIPTS)}: which one")
    ],
) -> None:
    """Print the script that lets a shell complete commands, options, names and settings.

    Example: lsap completion bash >> ~/.bashrc
    """
    print(SCRIPTS[shell], end="")


def completion_lines(
    group: Any, environment: Mapping[str, str]
) -> Iterator[str]:  # Typer's parsed group has no public class
    """The lines that go to a shell's script.

    Args:
        group: of all commands, as `typer.main.get_command` parses it.
        environment: with the variables that the script sets.
    """
    line = environment.get(LINE, "")
    words, typed, in_quotes = split_line(line)
    skip = 0
    if environment[SHELL] == "bash" and not in_quotes:  # it replaces what stands behind the last of its breaks
        skip = max((typed.rfind(sign) + 1 for sign in ":=" if sign in environment.get(BREAKS, ":=")), default=0)
    before = next((number for number, word in enumerate(words) if not ASSIGNMENT.match(word)), 0)  # as in A=1 lsap
    for one in completions(group, words[before + 1 :], typed):
        yield f"{one.text[skip:]}\t{' '.join(one.about.split())}"


def split_line(line: str) -> tuple[list[str], str, bool]:
    """The finished words of a line, the one that is being typed, and whether that one is in quotes."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # of quotes that are not closed yet
        return words, lexer.token.lstrip(QUOTES), True
    return (words, "", False) if not words or line[-1].isspace() else (words[:-1], words[-1], False)


def completions(group: Any, words: Sequence[str], typed: str) -> list[Completion]:
    """How a command line can go on; none: by the name of a file.

    Args:
        group: of all commands.
        words: behind the program's name, finished.
        typed: the word that is being typed.
    """
    parser, rest = group, [*words]
    while getattr(parser, "commands", None) and rest:
        name = next((one for one in rest if not one.startswith("-")), None)
        if name is None or name not in parser.commands:
            return []
        rest = rest[rest.index(name) + 1 :]
        parser = parser.commands[name]
    if getattr(parser, "commands", None) and not typed.startswith("-"):
        known = parser.commands.items()
        return [Completion(name, _short(one.get_short_help_str(100))) for name, one in known if name.startswith(typed)]
    return [*_of_command(parser, rest, typed)]


def _of_command(parser: Any, words: list[str], typed: str) -> Iterator[Completion]:
    options = {text: one for one in parser.params if one.param_type_name == "option" for text in one.opts}
    flag, equals, value = typed.partition("=")
    if equals and flag in options:
        yield from (Completion(f"{flag}={one.text}", one.about) for one in value_completions(options[flag], value))
    elif words and words[-1] in options and not options[words[-1]].is_flag:
        yield from value_completions(options[words[-1]], typed)
    elif typed.startswith("-") and "--" not in words:
        yield from _options(options, words, typed)
    else:
        yield from value_completions(_argument(parser, options, words), typed)


def _options(options: Mapping[str, Any], words: Sequence[str], typed: str) -> Iterator[Completion]:
    for text, one in options.items():
        given = any(opt in words for opt in one.opts) and not one.multiple
        if text.startswith(typed) and not given and not one.hidden:
            yield Completion(text, _short(one.help or ""))


def _argument(parser: Any, options: Mapping[str, Any], words: Sequence[str]) -> Any:
    """The positional argument that comes next; None: there is none left."""
    places = [one for one in parser.params if one.param_type_name == "argument"]
    before = 0
    for number, word in enumerate(words):
        takes = number > 0 and words[number - 1] in options and not options[words[number - 1]].is_flag
        before += not word.startswith("-") and not takes
    if before < len(places):
        return places[before]
    return places[-1] if places and places[-1].nargs == -1 else None


def value_completions(parameter: Any, typed: str) -> Iterator[Completion]:
    """How the value of an option or an argument can go on; none: by the name of a file, if it takes one."""
    names = None if parameter is None else arguments.completed_names(parameter)
    if names is None:
        return
    if not isinstance(names, str):
        words = [Completion(name) for name in names if name.startswith(typed)]
        yield from words
        if any(word.text.startswith(("gallery:", "paper:")) for word in words):  # beside files
            yield from path_completions(typed)
        return
    kind = cast(ListKind, names)
    found = spec_completions(kind, typed)
    yield from found
    if kind in ("models", "formats") and found:
        yield from path_completions(typed)
    elif kind == "formats" and typed.partition(":")[0] in known_names("formats"):
        name, _, path = typed.partition(":")
        yield from (Completion(f"{name}:{one.text}", one.about) for one in path_completions(path))


def takes_files(parameter: Any) -> bool:
    """Whether an option or an argument with names takes the path of a file or a folder as well."""
    names = arguments.completed_names(parameter)
    if names is None or isinstance(names, str):
        return names in ("models", "formats")
    return any(name.startswith(("gallery:", "paper:")) for name in names)


def path_completions(typed: str) -> Iterator[Completion]:
    """Files and folders, where a shell would not look for them because there are other names, too."""
    folder, name = os.path.split(typed)
    try:
        entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")):
            yield Completion(typed[: len(typed) - len(name)] + entry.name + ("/" if entry.is_dir() else ""))


def _short(text: str) -> str:
    """A help text without its lists of names."""
    return text.partition("; ")[0].replace("{", "").replace("}", "")
