"""Families of video classifiers made of an image network: a module and a dataclass of settings for each.

All take clips (B, T, 3, H, W), normalized as their image network was, and give logits (B, classes). LSAP attacks four
of them: TSN, I3D, CNN+LSTM and TSM. Their names, for the command line, are in `lsap_cli.known_models`.
"""

from lsap_cli.classifiers.families.base import Family
from lsap_cli.classifiers.families.c3d import C3dFamily
from lsap_cli.classifiers.families.cnn_lstm import CnnLstmFamily
from lsap_cli.classifiers.families.i3d import I3dFamily
from lsap_cli.classifiers.families.tsm import TsmFamily
from lsap_cli.classifiers.families.tsn import TsnFamily

FAMILIES: dict[str, type[Family]] = {
    "tsn": TsnFamily,
    "tsm": TsmFamily,
    "i3d": I3dFamily,
    "cnn-lstm": CnnLstmFamily,
    "c3d": C3dFamily,
}
