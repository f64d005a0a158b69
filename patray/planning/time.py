"""Seconds of each phase of a run on the machine that plans it, added up to the wall time: phases follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from patray.planning.corpus import Corpus
from patray.planning.estimates import Time
from patray.planning.rankings import RankPlan
from patray.runs.suite import Suite
from patray.steps.landscape import label_names


@dataclass(frozen=True)
class WallTime:
    """Expected seconds. start: of Python, Ray and the report; encode: of all models, one after another, with their
    loading; search: dense and late; lexical: BM25; judge: scoring, evidence, intervals and tests.

    cores: of the machine that the CPU's part is for; devices: that encode side by side.
    """

    cores: int
    devices: int
    start: float
    prepare: float
    encode: float
    search: float
    lexical: float
    judge: float

    @property
    def wall(self) -> float:
        """Seconds of all phases."""
        return sum(float(getattr(self, one.name)) for one in fields(self)[2:])


def plan_time(
    suite: Suite,
    corpora: Sequence[Corpus],
    rankings: Sequence[RankPlan],
    encode_hours: float,
    models: int,
    flops: float,
    time: Time,
    cores: int,
    flops_per_core: float,
) -> WallTime:
    """encode_hours: device-hours of what is to be encoded or trained, by so many models; flops: of exact searches."""
    on_gpu = suite.embedding.gpus > 0
    devices = (suite.embedding.actors.max or 1) if on_gpu else cores
    to_do = [step for step in rankings if step.state == "to do"]
    sizes = {corpus.name: corpus for corpus in corpora}
    searches = [step for step in to_do if step.kind in ("dense", "late")]
    pairs = sum(
        sizes[step.landscape].queries * sizes[step.landscape].patents for step in to_do if step.kind == "lexical"
    )
    retrieval, rows, others = judged(suite, corpora, rankings)
    draws = suite.statistics.resamples / 10_000
    return WallTime(
        cores=cores,
        devices=devices,
        start=time.start,
        prepare=sum(corpus.patents for corpus in corpora if not corpus.exists) / time.prepared_per_s,
        encode=encode_hours * 3600 / devices + models * time.model,
        search=len(searches) * time.search + flops / flops_per_core / cores,
        lexical=pairs / time.lexical_pairs_per_s / cores,
        judge=rows / time.evidence_rows_per_s + draws * (retrieval * time.mean_score + others * time.count_score),
    )


def judged(suite: Suite, corpora: Sequence[Corpus], rankings: Sequence[RankPlan]) -> tuple[int, int, int]:
    """Scores of retrieval, their rows of evidence, and scores of other tasks."""
    scores = rows = others = 0
    labels, clusters = suite.tasks.classification, suite.tasks.clustering
    dense = sum(system.vectors is not None for system in suite.systems or ()) * len(suite.views)
    options = suite.tasks.retrieval
    for corpus in corpora:
        made = sum(step.landscape == corpus.name and step.state != "refused" for step in rankings)
        slices = corpus.landscape.slices
        if options is not None:
            scores += len(slices) * len(options.measures) * made
            rows += sum(int(part.queries.sum()) for part in slices) * len(options.measures) * made
        if labels is not None:
            others += dense * len(labels.probes) * len(label_names(corpus.landscape, labels.labels)[0])
        if clusters is not None:
            others += dense * len(label_names(corpus.landscape, clusters.labels)[0])
    return scores, rows, others
