"""Builds the documentation site without network: `python -m docs.site` (or `make docs`).

Writes `build/site-source` (the pages, with the reference made from the code) and `build/site` (HTML). The exit code is
1 where a link leads nowhere, or a page would load something from outside of the site.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from docs.site.checking import problems
from docs.site.reference import write_reference
from docs.site.staging import stage

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Stages, builds and checks."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--stage-only", action="store_true", help="write build/site-source, and stop")
    options = parser.parse_args(arguments)
    source = ROOT / "build" / "site-source"
    stage(ROOT, source)
    write_reference(source / "reference")
    if options.stage_only:
        return 0
    builder = [
        sys.executable,
        "-m",
        "zensical",
        "build",
        "--clean",
        "--strict",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
    ]
    if subprocess.run(builder, check=False, cwd=ROOT).returncode:
        print("docs: the site was not built; zensical names the reason above", file=sys.stderr)
        return 1
    found = list(problems((ROOT / "build" / "site").resolve()))
    print(*(f"docs: {one}" for one in found), sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
