"""The report says where the vectors come from and shows every certificate."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from patray.encoders.certificate import Certificate, compare_scores, compare_vectors
from patray.files import Folder
from patray.report.data import load_results
from patray.report.html import render_page
from patray.runs.origins import origins, origins_of, read_certified, write_certified

THEN, NOW = {"torch": "2.8.0"}, {"torch": "2.9.1", "patray-encoders": "5f0c"}


def certificate() -> Certificate:
    vectors = np.eye(4, dtype=np.float32)
    return compare_vectors(list("abcd"), vectors, vectors, "float32", THEN, NOW)


def with_certificates(provenance: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(provenance)
    first = next(step for step in found["steps"] if step["step"] == "embed")
    first |= {"reused": True, "origin": "certified", "certificate": certificate().facts}
    scores = np.array([1.0, 2.0])
    of_pairs = compare_scores(["Q", "Q"], ["a", "b"], scores, scores + 0.001, "float32", {}, NOW)
    found["steps"].append(
        {
            "step": "rerank", "landscape": "assist", "view": "ta", "system": "cross(bm25)", "model": "cross",
            "reused": True, "origin": "certified", "certificate": of_pairs.facts,
        }
    )  # fmt: skip
    return found


def test_a_run_tells_the_origin_of_each_set_of_vectors_and_scores(demo: Folder) -> None:
    provenance = with_certificates(demo.read_json("provenance.json"))
    found = origins_of(provenance)
    assert len(found) == sum(step["step"] in ("embed", "rerank") for step in provenance["steps"])
    assert (found[0].origin, found[0].certificate) == ("certified", certificate())
    assert (found[-1].model, found[-1].origin) == ("cross(bm25)", "certified")
    older = [one.origin for one in origins(demo)]
    assert set(older) == {"embedded", "reused"}, "records without an origin tell what they can"


def test_the_report_shows_every_certificate_and_counts_the_rest(demo: Folder) -> None:
    results = load_results(demo)
    page = render_page(replace(results, provenance=with_certificates(results.provenance)))
    assert "Where the vectors come from" in page
    assert "2 sets made by other versions and compared with today" in page
    assert "torch 2.8.0 -&gt; 2.9.1" in page
    assert "patray-encoders not recorded -&gt; 5f0c" in page
    assert "1.000000" in page
    assert "largest difference 0.001" in page
    assert "Compared again later" not in page


def test_what_certify_found_later_is_in_the_report_too(demo: Folder) -> None:
    first = origins(demo)[0]
    again = replace(first, origin="certified", certificate=certificate())
    try:
        write_certified(demo, [again])
        assert read_certified(demo) == [again]
        assert "Compared again later (patray certify)" in render_page(load_results(demo))
    finally:
        demo.delete("certificates.json")
    assert read_certified(demo) == []
