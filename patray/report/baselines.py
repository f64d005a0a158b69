"""What F1 is to be had without reading a text: every patent gets the commonest label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from patray.files import Folder
from patray.measures.classification import label_counts, macro_f1, micro_f1
from patray.report.answer import Answer, answers_for
from patray.report.data import Results, kind_of, labels_of
from patray.report.naming import items_words
from patray.report.studied import Commonest
from patray.report.words import Name, Sentence, clean, score
from patray.tasks.evidence import ScoreKey
from patray.tasks.evidence_file import EvidenceFile
from patray.tasks.scores import LabelScore


def commonest(truth: np.ndarray, labels: Sequence[str]) -> tuple[float, float, str, int]:
    """Give every patent the label that most of them have: (macro-F1, micro-F1, the label, how many have it).

    truth (n, L) bool, labels (L,). Of 10 patents of which 9 have A and 1 has B: macro-F1 0.474, micro-F1 0.9. The label
    is picked on the very patents that are scored, so no guess that is the same for all does better in micro-F1.
    """
    sizes = truth.sum(axis=0)
    at = int(np.argmax(sizes))
    predicted = np.zeros(truth.shape, dtype=bool)
    predicted[:, at] = True
    counts = label_counts(truth, predicted)
    return float(macro_f1(*counts)), float(micro_f1(*counts)), str(labels[at]), int(sizes[at])


def with_baselines(run: Folder, results: Results) -> Results:
    """`results` with the commonest label's F1 for every answer of classification; none without evidence."""
    answers = answers_for(results, "classification")
    if not answers or not run.exists("evidence.parquet"):
        return results
    evidence = EvidenceFile(run)
    found = [one for answer in answers if (one := _of_answer(evidence, answer)) is not None]
    return replace(results, baselines=tuple(found))


def _of_answer(evidence: EvidenceFile, answer: Answer) -> Commonest | None:
    """From the truth that the leader was judged by; of a mean over label sets, the mean of their values."""
    keys = list(_keys(evidence, answer))
    scores = [score for score in evidence.load(keys) if isinstance(score, LabelScore)]
    if not scores:
        return None
    each = [commonest(score.truth, score.labels.tolist()) for score in scores]
    macro, micro = (float(np.mean([one[at] for one in each])) for at in range(2))
    labels = tuple((clean(label), count) for _, _, label, count in each)
    return Commonest(answer.task, answer.landscape, macro, micro, answer.n, labels)


def _keys(evidence: EvidenceFile, answer: Answer) -> Iterable[ScoreKey]:
    """One score of each label set of the answer: truth is the same for all probes."""
    seen = set()
    for key in evidence.index:
        where = key.where
        mine = kind_of(where.task) == "classification" and labels_of(answer.task) in ("*", clean(labels_of(where.task)))
        place = (clean(where.landscape), clean(where.view), clean(where.system), where.slice)
        leader = (answer.landscape, answer.leader.view, answer.leader.system, "all")
        if mine and place == leader and where.task not in seen:
            seen.add(where.task)
            yield key


def commonest_of(results: Results, answer: Answer) -> Commonest | None:
    """The baseline of an answer; None where none was computed."""
    return next(
        (one for one in results.baselines if (one.task, one.landscape) == (answer.task, answer.landscape)), None
    )


def explain_commonest(results: Results, answer: Answer, several: bool) -> Sentence | None:
    """What the commonest label alone would score beside the leader, and whether the leader's brackets hold it."""
    found = commonest_of(results, answer)
    if found is None:
        return None
    row, value = answer.leader, found.of(answer.metric)
    n = items_words(found.n, "classification")
    start: Sentence = ("On ", Name(answer.landscape), ", giving") if several else ("Giving",)
    if len(found.labels) == 1:
        label, count = found.labels[0]
        start += (" every patent the commonest class, ", Name(label), f" ({count:,} of the {n}),")
    else:
        start += (f" every patent the commonest class of each of the {len(found.labels)} label sets ({n})",)
    start += (f" without reading a text scores {score(value)}",)
    if answer.metric.endswith("macro-F1"):
        start += (" (each class counts alike, and no other is ever found)",)
    if row.low is None or row.high is None:
        return (*start, ".")
    if row.low > value:
        return (*start, ", below the brackets of ", Name(row.system), f"'s {score(row.mean)}.")
    return (*start, "; ", Name(row.system), f" with {score(row.mean)} is not shown to do better.")
