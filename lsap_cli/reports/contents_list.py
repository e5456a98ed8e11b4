"""The contents of a page: a list of its sections, and a place to link to for each of them."""

import re
from html import unescape

PLACE = "<!-- contents -->"
SECTION = re.compile(r'(<section(?: id="(?P<id>[^"]+)")?>\s*)?<h2>(?P<title>.*?)</h2>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")


def with_contents(page: str) -> str:
    """A page whose headings have anchors, with links to all of them where `PLACE` stands.

    Args:
        page: HTML. A heading takes the id of the section that it begins, or one made of its words.
    """
    found: dict[str, str] = {}

    def anchored(match: re.Match[str]) -> str:
        title = match["title"]
        name = match["id"] or _slug(title, found)
        found[name] = title
        own = "" if match["id"] else f' id="{name}"'
        link = f'<a class="anchor" href="#{name}" aria-label="link to this section">#</a>'
        return f"{match[1] or ''}<h2{own}>{title}{link}</h2>"

    page = SECTION.sub(anchored, page)
    items = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in found.items())
    return page.replace(PLACE, f'<nav aria-label="contents"><ul class="contents">{items}</ul></nav>')


def _slug(title: str, taken: dict[str, str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", unescape(TAG.sub("", title)).lower()).strip("-") or "section"
    return next(
        name for number in range(1, 1000) if (name := words if number == 1 else f"{words}-{number}") not in taken
    )
