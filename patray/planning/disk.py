"""Bytes on disk and on the wire: what a run writes, reads and fetches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patray.encoders.token_vectors import BYTES as TOKEN_VECTOR_BYTES
from patray.planning.corpus import Corpus
from patray.planning.embeddings import EmbedPlan, PlannedModel
from patray.planning.estimates import Bytes
from patray.planning.rankings import RankPlan
from patray.planning.training import TrainPlan
from patray.runs.suite import Suite
from patray.systems.sparse import ENTRY_BYTES, TERMS

FLOAT32 = 4


@dataclass(frozen=True)
class Disk:
    """Bytes that the run writes (what exists already left out), and that it moves. Upper estimates but for `clean` and
    `source_read`. models: snapshots fetched once by every node that encodes."""

    clean: int
    checkpoints: float
    vectors: float
    token_vectors: float
    indexes: float
    rankings: float
    trec: float
    evidence: float
    source_read: int
    models: int
    vectors_read: float

    @property
    def written(self) -> float:
        """Bytes of everything that the run leaves in the work directory."""
        vectors = self.vectors + self.token_vectors + self.indexes
        return self.clean + self.checkpoints + vectors + self.rankings + self.trec + self.evidence


def plan_disk(
    suite: Suite,
    corpora: Sequence[Corpus],
    models: Mapping[str, PlannedModel],
    fetched: int,
    training: Sequence[TrainPlan],
    embeddings: Sequence[EmbedPlan],
    rankings: Sequence[RankPlan],
    size: Bytes,
    complete: bool,
) -> Disk:
    """fetched: bytes of the snapshots that are needed. complete: the run is finished, so its folder does not grow."""
    vectors, token_vectors, indexes, read = _vector_bytes(suite, models, embeddings, size)
    to_do = [step for step in rankings if step.state == "to do"]
    source = {str(system.name): system.searches for system in suite.systems or ()}
    given = {(step.landscape, step.view, source[step.system]): step.given for step in to_do if step.given}
    made = [] if complete else [step for step in rankings if step.state != "refused"]
    trained = [models[step.base].record.size or 0 for step in training if step.state == "to do"]
    return Disk(
        clean=sum(corpus.clean_bytes for corpus in corpora if not corpus.exists),
        checkpoints=float(sum(trained) * FLOAT32),
        vectors=vectors + sum(given.values()) * size.vector_factor,
        token_vectors=token_vectors,
        indexes=indexes,
        rankings=sum(step.rows for step in to_do) * size.ranking_row,
        trec=sum(step.rows for step in made) * size.trec_row if "trec" in suite.exports else 0.0,
        evidence=_evidence_rows(suite, corpora, made) * size.evidence_row,
        source_read=sum(corpus.source_bytes for corpus in corpora),
        models=fetched,
        vectors_read=read + sum(step.given for step in to_do),
    )


def _vector_bytes(
    suite: Suite, models: Mapping[str, PlannedModel], embeddings: Sequence[EmbedPlan], size: Bytes
) -> tuple[float, float, float, float]:
    """Bytes of vectors, token vectors and indexes to write, and of vectors read: once by each system that searches."""
    searches = dict.fromkeys(models, 0)
    for system in suite.systems or ():
        for model in system.uses:
            if system.searches is not None and model in models:
                searches[model] += 1
    vectors = token_vectors = indexes = read = 0.0
    for step in embeddings:
        planned = models[step.model]
        if planned.refused:
            continue
        width = planned.record.dimension
        open_share = 1 - step.windows[0] / max(1, step.windows[1]) if step.state in ("to do", "partly") else 0.0
        if planned.record.kind == "sparse":
            whole = step.rows * TERMS[1] * ENTRY_BYTES
            vectors += whole * open_share
        elif planned.record.kind == "late-interaction":
            vectors_of_tokens = step.tokens[1] * step.rows / max(1, step.inputs)
            whole = vectors_of_tokens * width * TOKEN_VECTOR_BYTES * size.token_vector_factor
            token_vectors += whole * open_share
        else:
            whole = step.rows * width * FLOAT32 * size.vector_factor
            vectors += whole * open_share
            if "faiss" in suite.exports and step.role == "document" and not step.indexed:
                indexes += step.rows * width * FLOAT32
        read += whole * searches[step.model]
    return vectors, token_vectors, indexes, read


def _evidence_rows(suite: Suite, corpora: Sequence[Corpus], made: Sequence[RankPlan]) -> int:
    """Rows of retrieval alone."""
    options, rows = suite.tasks.retrieval, 0
    for corpus in corpora:
        if options is not None:
            each = sum(int(part.queries.sum()) for part in corpus.landscape.slices) * len(options.measures)
            rows += each * sum(step.landscape == corpus.name for step in made)
    return rows
