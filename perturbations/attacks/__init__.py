"""Methods that learn a perturbation: one file each, one table of names."""

from lsap_common import NamedParts
from perturbations.attacks.append import Append
from perturbations.attacks.base import Attack
from perturbations.attacks.btc import Btc
from perturbations.attacks.cw import Cw
from perturbations.attacks.dup import Dup
from perturbations.attacks.fgsm import Fgsm
from perturbations.attacks.flicker import Flicker
from perturbations.attacks.gd_uap import GdUap
from perturbations.attacks.ifgsm import Ifgsm
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.attacks.sgd_uap import SgdUap
from perturbations.attacks.sparse import Sparse
from perturbations.attacks.u3d import U3d
from perturbations.attacks.uap import Uap

ATTACKS: NamedParts[type[Attack]] = NamedParts(
    "attack",
    {
        "lsap": Lsap,
        "uap": Uap,
        "sgd-uap": SgdUap,
        "fgsm": Fgsm,
        "ifgsm": Ifgsm,
        "cw": Cw,
        "dup": Dup,
        "flicker": Flicker,
        "u3d": U3d,
        "btc": Btc,
        "gd-uap": GdUap,
        "sparse": Sparse,
        "append": Append,
        "random-search": RandomSearch,
    },
)

__all__ = ["ATTACKS", "Attack"]
