"""What stops lsap before it begins: a system that it does not run on, packages of other people in place of its own.

It stands before all other imports of the program, and so it imports nothing of lsap.
"""

import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

OWN = {"defenses": "DEFENSES", "perturbations": "Perturbation", "lsap_common": "NamedParts"}
"""lsap's packages beside `lsap_cli`, and a name that the first file of each one holds."""
WRONG_USAGE = 2


def refuse_what_cannot_run() -> None:
    """Ends the program with one sentence where it cannot run."""
    problem = why_it_cannot_run()
    if problem is not None:
        _quit(problem)


def refuse_an_import() -> None:
    """Ends an import of lsap with one sentence where another package is in the place of one of lsap's own.

    Raises:
        ImportError: naming what hides it.
    """
    problem = why_it_cannot_run()
    if problem is not None:
        raise ImportError(problem)


def why_it_cannot_run(platform: str = sys.platform) -> str | None:
    """Why lsap cannot run here; None: it can.

    Args:
        platform: of `sys.platform`.
    """
    if platform == "win32":
        return "lsap does not run on Windows: it needs Linux's locks and process groups; use WSL or a container"
    for package, name in OWN.items():
        problem = _clash(package, name)
        if problem is not None:
            return problem
    return None


def _clash(package: str, name: str) -> str | None:
    """Why a package is not lsap's own; None: it is."""
    own = Path(__file__).resolve().parents[1] / package / "__init__.py"
    found = importlib.util.find_spec(package)
    if found is None:
        return f"lsap's package {package} is missing ({own.parent}); install lsap again"
    if found.origin is None or Path(found.origin).resolve() != own:
        places = [*(found.submodule_search_locations or []), found.origin]
        place = Path(str(places[0])).resolve()
        return (
            f"{place} hides lsap's own package {package}, because Python looks there first: rename it, or start lsap "
            "in another folder, by the command lsap, without PYTHONPATH"
        )
    if name not in own.read_text(encoding="utf-8", errors="replace"):
        return (
            f"{own} is not lsap's: another package installed its own {package} over it; install lsap in an environment "
            "of its own, and again here"
        )
    return None


def _quit(problem: str) -> NoReturn:
    print(f"lsap: {problem}", file=sys.stderr)
    sys.exit(WRONG_USAGE)
