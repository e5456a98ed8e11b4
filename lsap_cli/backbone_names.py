"""Names of image networks that torchvision and timm have here, read from their source: neither is imported."""

import importlib.util
import re
from functools import cache
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_common import unknown_name

TIMM = "timm:"
REGISTERED = re.compile(r"^@register_model(?:\(\))?\s*\n(?:@[^\n]*\n)*def (\w+)\(", re.MULTILINE)
EXAMPLES = [f"{TIMM}NAME", "resnet18", "resnet50", "mobilenet_v3_small", "…"]


@cache
def backbone_names(package: str) -> tuple[str, ...]:
    """The names that a package registers, sorted; none where it has no source to read.

    Args:
        package: torchvision or timm.
    """
    found = importlib.util.find_spec(package)
    places = [] if found is None else found.submodule_search_locations or []
    names: set[str] = set()
    for place in places:
        for file in Path(place, "models").glob("*.py"):
            names |= {*REGISTERED.findall(file.read_text(encoding="utf-8", errors="replace"))}
    return tuple(sorted(names))


def check_backbone(name: str) -> None:
    """Refuses an image network that is not there.

    Args:
        name: of torchvision, or `timm:NAME`.

    Raises:
        LsapError: with the nearest names, or how timm is installed.
    """
    if name.startswith(TIMM) and importlib.util.find_spec("timm") is None:
        raise LsapError(f"the backbone '{name}' needs timm: pip install 'lsap[timm]'")
    package, word, examples = ("torchvision", name, EXAMPLES)
    if name.startswith(TIMM):
        package, word, examples = "timm", name.removeprefix(TIMM), ["resnet26", "…"]
    known = backbone_names(package)
    if not word:
        raise LsapError("--backbone is empty; give an image network such as resnet18 or timm:NAME")
    if known and word not in known:
        noun = "backbone" if package == "torchvision" else "backbone of timm"
        raise LsapError(unknown_name(noun, word, known, examples))
