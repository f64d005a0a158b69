"""The forms that vectors have, by the kind of a model: one a text, one a token, or a weight a term.

form = FORMS[record.kind]
vectors = form.check(form.load(record, folder, settings).encode(ids), names, record.dimension, record.name)
form.table(names, vectors, lengths, truncated, stats)       # what is stored, which form.read reads again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from patray.encoders.check import checked_unit_vectors
from patray.encoders.load import load_encoder, load_late_encoder, load_sparse_encoder
from patray.encoders.sparse_vectors import checked_sparse_vectors, load_sparse_vectors, sparse_vectors_table
from patray.encoders.token_vectors import checked_token_vectors, load_token_vectors, token_vectors_table
from patray.encoders.vectors import load_vectors, vectors_table


@dataclass(frozen=True)
class Form:
    """load: makes the model ready to be asked. check: raises on vectors that are not usable, naming the patent.
    table: what is stored of them. read: (ids, vectors) of stored parts."""

    load: Callable[..., Any]
    check: Callable[..., Any]
    table: Callable[..., pa.Table]
    read: Callable[..., Any]


FORMS: Mapping[str, Form] = {
    "dense": Form(load_encoder, checked_unit_vectors, vectors_table, load_vectors),
    "late-interaction": Form(load_late_encoder, checked_token_vectors, token_vectors_table, load_token_vectors),
    "sparse": Form(load_sparse_encoder, checked_sparse_vectors, sparse_vectors_table, load_sparse_vectors),
}
"""By the kind of a model."""
