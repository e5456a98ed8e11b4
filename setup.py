"""What pyproject.toml cannot say: README for a package index, which shows no file of the checkout."""

import re
from pathlib import Path

from setuptools import setup

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)")
PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n+", re.MULTILINE)
MAKE = re.compile(r"^With Python 3\.11 or newer, pip and make.*?^```\n(?=\n)", re.DOTALL | re.MULTILINE)
MAKE_DEMO = re.compile(r"The first call makes `\.venv`.*?`make demo`", re.DOTALL)
INSTALL = """With Python 3.11 or newer, on Linux or macOS:

```sh
pip install lsap    # with all extras: pip install 'lsap[all]'
lsap demo           # runs generate, apply and defend on videos and a model that come with lsap
```
"""


def index_readme(text: str) -> str:
    """README without pictures and without a checkout: it installs the package, and names files in place of links."""
    text = MAKE_DEMO.sub("`lsap demo`", MAKE.sub(INSTALL, PICTURE.sub("", text)))
    return LINK.sub(lambda match: f"{match[1]} (`{match[2]}`)", text)


if __name__ == "__main__":
    setup(
        long_description=index_readme((Path(__file__).parent / "README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
