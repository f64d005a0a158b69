"""Readings: spans of a text, and pooled scores against a plain loop."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.encoders.spans import Spans, SpanTokenizer, span_counts, span_tokens
from patray.encoders.tokens import InputTokenizer
from patray.errors import InputError, ModelError
from patray.models.registry import find_record
from patray.search.exclusion import Exclusions
from patray.search.readings import Pool, search_readings
from patray.systems.kinds import read_system
from patray.systems.readings import Readings
from patray.systems.resolve import resolve_systems

POOLS: tuple[Pool, ...] = ("max", "top3", "first")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 12), st.sampled_from(POOLS), st.booleans())
def test_rankings_are_those_of_a_plain_loop_over_spans(seed: int, n: int, k: int, pool: Pool, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 6, n)
    start = np.concatenate([[0], np.cumsum(counts)])

    def rows(count: int) -> np.ndarray:
        values = rng.integers(-1, 2, (count, 3)) if whole else rng.standard_normal((count, 3))  # whole: many ties
        return values.astype(np.float32)

    spans, queries = rows(int(start[-1])), rows(3)
    codes = rng.permutation(3 * n)[:n].astype(np.int32)
    pairs = np.argwhere(rng.random((3, n)) < 0.15).astype(np.int32)
    found = search_readings(queries, spans, start, codes, k, pool, Exclusions(pairs[:, 0], pairs[:, 1]))
    for query in range(3):
        wanted = []
        for at in range(n):
            if [query, at] in pairs.tolist():
                continue
            scores = [
                float(queries[query].astype(np.float64) @ spans[row].astype(np.float64))
                for row in range(start[at], start[at + 1])
            ]
            best = sorted(scores, reverse=True)
            value = {"max": best[0], "top3": sum(best[:3]) / len(best[:3]), "first": scores[0]}[pool]
            wanted.append((np.float32(round(value, 6) if whole else value), int(codes[at])))
        wanted.sort(reverse=True)
        kept = found.patents[query] >= 0
        assert kept.sum() == min(k, len(wanted))
        assert np.allclose(found.scores[query][kept], [score for score, _ in wanted[:k]], atol=1e-6)
        if pool != "top3" or not whole:  # a third is no binary number: a mean of three ties only as it is rounded
            assert found.patents[query][kept].tolist() == [code for _, code in wanted[:k]]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    start = np.concatenate([[0], np.cumsum(rng.integers(1, 9, 40))])
    spans, queries = (rng.standard_normal((rows, 8)).astype(np.float32) for rows in (start[-1], 10))
    codes = np.arange(40, dtype=np.int32)
    for pool in POOLS:
        whole = search_readings(queries, spans, start, codes, 40, pool)
        with monkeypatch.context() as small:
            small.setattr("patray.search.readings.CELLS", 30)
            small.setattr("patray.search.readings.QUERIES", 3)
            blocks = search_readings(queries, spans, start, codes, 40, pool)
        assert (whole.patents == blocks.patents).all()
        assert np.allclose(whole.scores, blocks.scores, atol=1e-7)
    with pytest.raises(InputError, match="document 1 has no span"):
        search_readings(queries, spans, np.array([0, 2, 2]), codes[:2], 3, "max")


@pytest.mark.parametrize(("tokens", "stride"), [(16, 16), (16, 8), (32, 5), (256, 128)])
def test_spans_cover_a_text_from_its_first_to_its_last_token(minilm_path: Path, tokens: int, stride: int) -> None:
    record, spans = find_record("minilm"), Spans(tokens, stride)
    words = np.random.default_rng(tokens).choice(["hair", "dryer", "nozzle", "heating", "electromagnetic", "of"], 90)
    texts = [" ".join(words), "", "dryer", " ".join(words[: tokens - 2])]
    made = SpanTokenizer(record, minilm_path, spans)
    found, counts = made(texts, "")
    whole = InputTokenizer(record.model_copy(update={"max_tokens": 512}), minilm_path)
    lengths = np.array([len(ids) for ids in whole(texts, "").ids])
    assert counts.tolist() == span_counts(lengths, spans, 2).tolist()
    assert len(found.ids) == counts.sum()
    read = np.add.reduceat([len(ids) for ids in found.ids], np.cumsum(counts) - counts)
    assert np.abs(span_tokens(lengths, spans, 2) - read).max() <= 4 * counts.max()  # a start inside a word
    assert all(len(ids) <= tokens for ids in found.ids)
    pieces = made.pieces(texts[0], "")
    room = tokens - 2
    content = whole([texts[0]], "").ids[0][1:-1]
    for at, piece in enumerate(pieces):  # every word is one token here, or a start inside a word would move the rest
        own = content[at * stride : at * stride + room]
        ids = whole([piece], "").ids[0][1:-1]
        assert abs(len(ids) - len(own)) <= 4
    assert texts[0].startswith(pieces[0])
    assert texts[0].endswith(pieces[-1])
    assert counts[1] == counts[2] == 1
    with pytest.raises(ModelError, match="spans of 2 tokens hold no text"):
        SpanTokenizer(record, minilm_path, Spans(2, 1))(texts, "")


def test_a_line_of_a_suite_is_checked() -> None:
    models = {"minilm": find_record("minilm")}
    line = read_system({"readings": "minilm", "tokens": 128, "pool": ["max", "first"]})
    found = resolve_systems([line], models, 100)
    assert [one.name for one in found] == ["minilm-spans128-64-max", "minilm-spans128-64-first"]
    assert isinstance(found[0], Readings)
    assert (found[0].searches, found[0].stride) == ("minilm#128-64", 64)
    for said, message in (
        ({"tokens": 1000}, "spans of 1000 tokens, but minilm reads 256"),
        ({"tokens": 64, "stride": 65}, "a stride of 65 leaves tokens out between spans of 64"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_systems([read_system({"readings": "minilm", **said})], models, 100)
