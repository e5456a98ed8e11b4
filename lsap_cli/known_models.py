"""The classifiers that need no file, by name. No torch here: `lsap models` answers at once."""

from lsap_cli.plugins import added_models, origin

ZOO = {
    "r3d_18": 16,
    "mc3_18": 16,
    "r2plus1d_18": 16,
    "s3d": 16,
    "mvit_v1_b": 16,
    "mvit_v2_s": 16,
    "swin3d_t": 32,
    "swin3d_s": 32,
    "swin3d_b": 32,
}  # torchvision's video networks, and the clip length each is used with (s3d's published figure is at 128)
PREFIX = "torchvision:"
DEMO = "demo"


def known_models() -> list[tuple[str, str]]:
    """(spec, what it is) of lsap's own models and of those that installed packages add."""
    about = "Kinetics-400; weights are downloaded once, or given with :weights=FILE"
    return [
        (DEMO, "8 kinds of motion; comes with lsap"),
        *((PREFIX + name, f"{frames} frames, {about}") for name, frames in ZOO.items()),
        *((name, "of " + " and of ".join(map(origin, points))) for name, points in added_models().items()),
    ]
