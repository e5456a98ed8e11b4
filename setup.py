"""What pyproject.toml cannot say: README for a package index, which shows no file of the checkout."""

import re
from pathlib import Path

from setuptools import setup

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)")
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n+", re.MULTILINE)


def index_readme(text: str) -> str:
    """README without pictures, whose links to files of the source name them instead."""
    return LINK.sub(lambda match: f"{match[1]} (`{match[2]}`)", PICTURE.sub("", text))


if __name__ == "__main__":
    setup(
        long_description=index_readme((Path(__file__).parent / "README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
