"""Train, validation and test by a hash of the family, the same for ever and on every machine.

Splitting by family keeps near-copies on one side. The hash depends on nothing but the family id and the salt, so a
landscape that grows never moves a patent from one split to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from patray.errors import InputError

TRAIN, VALIDATION, TEST = 0, 1, 2
SPLITS = ("train", "validation", "test")
SHARES = (0.6, 0.2, 0.2)
SALT = "patray"


def split_families(
    family_ids: np.ndarray | Sequence[str], shares: Sequence[float] = SHARES, salt: str = SALT
) -> np.ndarray:
    """(n,) int8: TRAIN, VALIDATION or TEST of each family id (n,). Rows of one family get one answer.

    shares: of train, validation and test; they must add up to 1.
    """
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise InputError(f"split shares {list(shares)}: wanted three numbers of at least 0 that add up to 1")
    families, rows = np.unique(np.asarray(family_ids, dtype=str), return_inverse=True)
    key = salt.encode("utf-8")[:64]
    digests = b"".join(hashlib.blake2b(f.encode("utf-8"), digest_size=8, key=key).digest() for f in families.tolist())
    fractions = np.frombuffer(digests, dtype="<u8") / 2.0**64
    bounds = np.cumsum(shares[:2])
    return np.searchsorted(bounds, fractions, side="right").astype(np.int8)[rows]
