"""Looks at the built site: every link leads somewhere, and no page asks for anything outside of the site."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
LOADING_LINKS = ("stylesheet", "icon", "preload", "modulepreload", "manifest")


class _Page(HTMLParser):
    """The anchors of a page, where its links lead, and what a browser loads for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        address = values.get(LOADED.get(tag, ""))
        if address and (tag != "link" or set(values.get("rel", "").split()) & set(LOADING_LINKS)):
            self.loads.append(address)


def problems(site: Path) -> Iterator[str]:
    """Sentences on links that lead nowhere, and on what pages load from outside.

    Args:
        site: the folder with the built pages.
    """
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site} holds no page"
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} loads {address}" for address in page.loads if urlsplit(address).netloc)
        for address in dict.fromkeys([*page.links, *page.loads]):
            problem = None if name.name == "404.html" else _problem(path, address, pages)
            if problem:
                yield f"{name} links to {address}, {problem}"


def _problem(path: Path, address: str, pages: dict[Path, _Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return "which is not there"
    page = pages.get(target)
    if parts.fragment and page is not None and unquote(parts.fragment) not in page.anchors:
        return "where there is no such place"
    return None
