"""One seed for each thing that is drawn, made from the run's seed and what it is for."""

import hashlib

from torch import Generator


def seeded(*parts: object) -> Generator:
    """A CPU generator that depends on all parts, such as (seed, "batch", step).

    torch's own generator looks at the low 32 bits of a seed only, so the parts are mixed by a hash.
    """
    text = "\x1f".join(map(str, parts))
    return Generator().manual_seed(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()))
