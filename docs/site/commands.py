"""The command lines of the documents: what a test runs, and what it only parses."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^    (lsap .*)$", re.MULTILINE)
INLINE = re.compile(r"`(lsap (?:[^`\n]|\n(?!\n))+)`")
PLACEHOLDER = re.compile(r"\b(?:RUN|DIR|FILE|COMMAND|VIDEOS|NAME|LABEL|PAGE|TARGET|OUT|SPEC|HOST|N)\b|\.\.\.|…|\|")


@dataclass(frozen=True)
class CommandLine:
    """One line of a page that calls lsap.

    Attributes:
        page: where it stands.
        words: behind `lsap`.
        whole: whether it can be run: it stands in a block, not in a sentence, and has no placeholder.
    """

    page: Path
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"{self.page.name}: lsap {shlex.join(self.words)}"


def command_lines(page: Path) -> Iterator[CommandLine]:
    """Every call of lsap on a page, in its order: blocks first, then what stands in sentences.

    Args:
        page: of Markdown.
    """
    text = page.read_text(encoding="utf-8")
    for block in [*BLOCK.findall(text), *INDENTED.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))]:
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # variables of the environment
                words = words[1:]
            if words[:1] == ["lsap"]:
                yield CommandLine(page, tuple(words[1:]), not any(PLACEHOLDER.search(word) for word in words))
    for line in INLINE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        try:
            words = shlex.split(line)
        except ValueError:  # an apostrophe of the sentence
            continue
        yield CommandLine(page, tuple(words[1:]), whole=False)
