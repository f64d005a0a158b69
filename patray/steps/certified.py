"""Which versions made an artifact, and whether it may be used with others: what is sampled, compared and kept.

`artifact.json` holds `versions` (none in old ones: that counts as another version), and each part its own, since a run
that was stopped can go on after an upgrade. A certificate lies beside the artifact as `certificate-KEY.json`, KEY a
hash of both versions and of the very artifact, so a sample is encoded once for each pair of versions.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from patray.artifacts import is_complete, key_of, read_record
from patray.encoders.certificate import (
    Certificate,
    certificate_of,
    changed_versions,
    choose_sample,
    compare_token_vectors,
    compare_vectors,
)
from patray.encoders.forms import FORMS
from patray.encoders.sparse_vectors import SparseVectors
from patray.encoders.token_vectors import TokenVectors, concatenate
from patray.encoders.vectors import part_stats
from patray.encoders.windows import Window
from patray.errors import EmbeddingError
from patray.files import Folder
from patray.landscapes.positions import positions
from patray.models.record import ModelRecord

Versions = Mapping[str, str]
EMBEDDED, CERTIFIED, REUSED = "embedded", "certified", "reused"
"""How a step came to its vectors or scores: made now; taken with a certificate; taken with the versions of today."""


def made_token() -> str:
    """Names the making of one artifact: its key says what it is, this which time it was made."""
    return uuid.uuid4().hex


def origin(made_now: bool, certificate: Certificate | None) -> dict[str, Any]:
    """What a step's record says of where its vectors or scores come from."""
    came = EMBEDDED if made_now else REUSED if certificate is None else CERTIFIED
    return {"origin": came, "certificate": None if certificate is None else certificate.facts}


def made_of(*folders: Folder) -> str:
    """Names the very artifacts that something was made of, those that were made again told apart."""
    return " ".join(f"{folder.name}:{read_record(folder).get('made', '')}" for folder in folders)


def other_versions(folder: Folder, parts: Sequence[str], now: Versions) -> tuple[Versions | None, list[str]]:
    """The versions other than `now` that made an artifact, complete or not, and the parts that they made.

    (None, []) where there are none. Empty versions were not recorded.
    """
    if is_complete(folder):
        then: dict[str, str] = read_record(folder).get("versions") or {}
        return (None, []) if then == now else (then, list(parts))
    found = {name: part_stats(folder, name).get("versions") or {} for name in parts}
    others = [name for name, versions in found.items() if versions != now]
    return (merged([found[name] for name in others]), others) if others else (None, [])


def merged(found: Sequence[Versions]) -> dict[str, str]:
    """Versions of parts together: those of one environment, or `2.8.0 and 2.9.1`."""
    names = {name for versions in found for name in versions}
    return {name: " and ".join(sorted({one.get(name, "not recorded") for one in found})) for name in sorted(names)}


def certificate_file(folder: Folder, then: Versions, now: Versions) -> str:
    made = read_record(folder).get("made") if is_complete(folder) else None
    return f"certificate-{key_of({'then': dict(then), 'now': dict(now), 'made': made})}.json"


def read_certificate(folder: Folder, then: Versions, now: Versions) -> Certificate | None:
    """What was found when this artifact was compared before with the versions of today."""
    name = certificate_file(folder, then, now)
    return certificate_of(folder.read_json(name)) if folder.exists(name) else None


def keep_certificate(folder: Folder, certificate: Certificate, now: Versions) -> None:
    folder.write_json(certificate_file(folder, certificate.then, now), certificate.facts)


def sample_windows(folder: Folder, windows: Sequence[Window]) -> list[Window]:
    """The windows of an artifact cut to the texts that are encoded again; each text by the first patent that has it."""
    at, row, ids, lengths = list[int](), list[int](), list[str](), list[int]()
    for number, window in enumerate(windows):
        table = folder.read_table(window.name, ["patent_id", "tokens"])
        tokens = dict(zip(table["patent_id"].to_pylist(), table["tokens"].to_pylist(), strict=True))
        for place, members in enumerate(window.members):
            if members[0] in tokens:  # a part that lacks one is another matter than versions
                at.append(number)
                row.append(place)
                ids.append(members[0])
                lengths.append(tokens[members[0]])
    chosen = choose_sample(ids, np.array(lengths, dtype=np.int64))
    found = []
    for number, window in enumerate(windows):
        mine = [int(place) for place in chosen if at[place] == number]
        if mine:
            rows = window.rows[[row[place] for place in mine]]
            found.append(Window(window.name, window.source, rows, [[ids[place]] for place in mine]))
    return found


def compare_sample(
    folder: Folder, scratch: Folder, windows: Sequence[Window], record: ModelRecord, then: Versions
) -> Certificate:
    """The certificate of an artifact whose sample `windows` was encoded again into `scratch`."""
    now = merged([part_stats(scratch, window.name).get("versions") or {} for window in windows])
    ids, old, new = sample_vectors(folder, scratch, windows, record)
    if record.kind == "late-interaction":
        return compare_token_vectors(ids, concatenate(old), concatenate(new), record.dtype, then, now)
    return compare_vectors(ids, np.concatenate(old), np.concatenate(new), record.dtype, then, now)


def sample_vectors(
    folder: Folder, scratch: Folder, windows: Sequence[Window], record: ModelRecord
) -> tuple[list[str], list[Any], list[Any]]:
    """The texts of the sample `windows`, and window for window their vectors in `folder` and in `scratch`."""
    load = FORMS[record.kind].read
    ids: list[str] = []
    sides: tuple[list[Any], list[Any]] = ([], [])
    for window in windows:
        names = [members[0] for members in window.members]
        ids += names
        for side, place in zip(sides, (folder, scratch), strict=True):
            known, vectors = load(place, [window.name], whole=False)
            rows = positions(np.asarray(names, dtype=object), known)
            if isinstance(vectors, SparseVectors):
                side.append(_unit_rows(vectors.take(rows), record.dimension))
            else:
                side.append(vectors.take(rows) if isinstance(vectors, TokenVectors) else vectors[rows])
    return ids, *sides


def _unit_rows(vectors: SparseVectors, width: int) -> np.ndarray:
    """A few sparse vectors as (n, width) float32 of length 1; one without a term stands for itself by its first."""
    rows = vectors.dense(width)
    rows[~rows.any(axis=1), 0] = 1.0
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def refusal(refused: Sequence[tuple[str, Folder, Certificate]]) -> EmbeddingError:
    """The error for artifacts (what they are, where they lie, what was found) that other versions must not use."""
    lines = []
    pins: set[str] = set()
    for what, folder, certificate in refused:
        changed = changed_versions(certificate.then, certificate.now)
        lines.append(f"  {what}, made with {changed}: {certificate.words} ({folder})")
        pins |= {
            f"{name}=={version}"
            for name, version in certificate.then.items()
            if certificate.now.get(name) != version and version[:1].isdigit() and " " not in version
        }
    back = f", or go back to what made them ({', '.join(sorted(pins))})" if pins else ""
    return EmbeddingError(
        f"{len(refused)} artifact(s) of other versions do not agree with what is made today from a sample of the same "
        "texts:\n" + "\n".join(lines) + f"\nMake the vectors again with `patray run SUITE --reembed`{back}."
    )
