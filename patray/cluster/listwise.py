"""Listwise reranking on the cluster: one task a landscape and view, which holds the language model."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from patray.artifacts import read_sealed
from patray.cluster.models import Model
from patray.cluster.search import Place, save_ranking
from patray.cluster.tokenizers import MODEL_CACHE
from patray.encoders.listwise import ANSWER_TOKENS, Lister, ListPrompt
from patray.encoders.load import load_lister
from patray.encoders.protocol import EncoderSettings
from patray.encoders.versions import encoder_versions
from patray.files import Folder
from patray.landscapes.records import Truth
from patray.landscapes.texts import texts_of
from patray.landscapes.views import View
from patray.models.identity import vector_facts
from patray.models.resolve import localise
from patray.search.listwise import FAULTS, reorder
from patray.search.ranking import Ranking
from patray.search.reranked import rerank_top
from patray.search.table import from_table
from patray.steps.answers import Remembered
from patray.systems.listwise import Listwise

ANSWERS = "answers"
"""Folder of a run in which answers lie while a ranking is made."""


def rank_listwise(
    run: Folder, place: Place, prepared: Folder, view: View, truth: Truth, system: Listwise, model: Model,
    settings: EncoderSettings, ranking_depth: int,
) -> dict[str, Any]:  # fmt: skip
    """Rerank and save; what the step's record gets. InputError, before the model is loaded, beyond the budget.

    Answers are kept in the run until its ranking is saved: a run that was stopped asks for none of them again.
    """
    system.calls(len(truth.query_ids), len(truth.patent_ids))
    snapshot = localise(model.snapshot, model.record, MODEL_CACHE)
    table = read_sealed(run, Place(place.landscape, place.view, system.listwise).file)
    base = from_table(table, truth.query_ids, truth.patent_ids, ranking_depth)
    texts = (
        texts_of(prepared, view, truth.patent_ids),
        texts_of(prepared, view, truth.query_ids, truth.query_in_corpus < 0),
    )
    prompt = ListPrompt(model.record, snapshot, system.sizes[1])
    begin = time.perf_counter()
    identity = {
        **vector_facts(model.record, ("query", "document")), "content": model.content,
        "versions": encoder_versions(settings.engine), "device": settings.device,
    }  # fmt: skip
    kept = run / ANSWERS / f"{place.landscape}.{place.view}.{place.system}"
    lister = Remembered(lambda: load_lister(model.record, snapshot, settings), kept, identity)
    ranking, facts = order_by(lister, prompt, base, *texts, system)
    save_ranking(run, place, truth, ranking)
    (run / ANSWERS).delete(kept.name)
    if not (run / ANSWERS).walk():
        run.delete(ANSWERS)
    facts["asked before"] = lister.kept
    broken = ", ".join(f"{facts[name]:,} {name}" for name in FAULTS)
    notes = [
        f"{place.landscape}, {place.view}, {place.system}: of {facts['calls']:,} answers {facts['broken answers']:,} "
        f"were no permutation and were repaired ({broken})"
    ] if facts["broken answers"] else []  # fmt: skip
    seconds = time.perf_counter() - begin
    told = {name.replace(" ", "_"): amount for name, amount in facts.items()}
    return {"queries": len(truth.query_ids), "seconds": seconds, "notes": notes, **told}


def order_by(
    lister: Lister, prompt: ListPrompt, base: Ranking, documents: list[str], queries: list[str], system: Listwise
) -> tuple[Ranking, dict[str, int]]:
    """A ranking with its first results in the lister's order, and what that took.

    Scores say the order alone: the best of n has n, and what stands below keeps its place, as `rerank_top` says.
    """
    depth, window, step = system.sizes
    depth = min(depth, base.patents.shape[1])
    lists = [row[:depth][row[:depth] >= 0].tolist() for row in base.patents]

    def ask(asked: list[tuple[int, list[int]]]) -> list[str]:
        prompts = [prompt(queries[at], [documents[patent] for patent in patents]) for at, patents in asked]
        return lister.answer(prompts, window * ANSWER_TOKENS)

    found, counted = reorder(lists, depth, window, step, ask)
    scores = np.full((len(lists), depth), -np.inf, np.float32)
    for row, (before, after) in enumerate(zip(lists, found, strict=True)):
        place = {patent: at for at, patent in enumerate(after)}
        scores[row, : len(before)] = [len(before) - place[patent] for patent in before]
    facts = {**counted, "tokens": prompt.tokens, "truncated": prompt.cut}
    return rerank_top(base, scores), facts
