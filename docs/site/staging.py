"""Puts the pages of the repository where the site's builder reads them, with links that lead to the same pages."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

FROM_ROOT = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "index.md",
    "benchmarks/peers/README.md": "peers.md",
}
"""Pages outside of docs/ that the site has, and their names there; the site's first page stands for README."""
KEPT = (".md", ".png", ".svg", ".ipynb")
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def stage(root: Path, out: Path) -> list[Path]:
    """Writes the site's sources.

    Args:
        root: of the repository.
        out: a folder, which is emptied first.

    Returns:
        The pages that were written, without those that are made from the code.

    Raises:
        ValueError: if a page links to a file of the repository that the site does not have.
    """
    shutil.rmtree(out, ignore_errors=True)
    pages = []
    for source, place in sorted(places(root).items()):
        target = out / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".ipynb":
            target.write_text(notebook_page(source), encoding="utf-8")
        elif source.suffix == ".md":
            target.write_text(with_links(source, place, root), encoding="utf-8")
        else:
            shutil.copy(source, target)
            continue
        pages.append(target)
    return pages


def places(root: Path) -> dict[Path, Path]:
    """Each file of the repository that the site has, and its place there."""
    docs = root / "docs"
    found = {path: path.relative_to(docs) for path in docs.rglob("*") if path.suffix in KEPT}
    found = {path: place.with_suffix(".md") if place.suffix == ".ipynb" else place for path, place in found.items()}
    return found | {root / name: Path(place) for name, place in FROM_ROOT.items() if not (docs / place).exists()}


def with_links(source: Path, place: Path, root: Path) -> str:
    """A page's text, with links relative to its place on the site."""
    known = places(root) | {root / name: Path(place) for name, place in FROM_ROOT.items()}

    def moved(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / match[2]))
        if target not in known:
            if not target.exists():
                return match[0]  # the builder's strict mode names it
            raise ValueError(f"{source.relative_to(root)} links to {match[2]}, which is no page of the site")
        return match[1] + os.path.relpath(known[target], place.parent) + match[3]

    return outside_code(source.read_text(encoding="utf-8"), lambda text: LINK.sub(moved, text))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """A page's text, changed where it is no code."""
    parts = CODE.split(text)
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))


def notebook_page(path: Path) -> str:
    """A notebook as a page: its texts, and its code as blocks."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    note = f"*This page is the notebook `docs/{path.parent.name}/{path.name}` of the source.*"
    return "\n\n".join([parts[0], note, *parts[1:]]) + "\n"
