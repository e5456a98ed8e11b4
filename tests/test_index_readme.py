"""README as a package index shows it: nothing of it needs the checkout."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_it_installs_the_package_and_has_neither_pictures_nor_links_into_the_checkout() -> None:
    spec = importlib.util.spec_from_file_location("lsap_setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    text: str = setup.index_readme((ROOT / "README.md").read_text(encoding="utf-8"))
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert blocks[0].startswith("pip install lsap ")
    assert "lsap demo" in blocks[0]
    assert not any(line.startswith("make ") for block in blocks for line in block.splitlines())
    assert "make demo" not in text
    assert "`lsap demo` ends with a table" in text
    assert "![" not in text
    assert not re.search(r"\]\((?!https:)", text)
    assert len(text) > 5000
