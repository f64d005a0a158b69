"""The real landscapes: what their makers counted is what patray reads."""

import subprocess
import sys
import time

import numpy as np
import pytest
import yaml

from patray.files import Folder
from patray.landscapes.claims import ClaimRule, split_flat
from patray.landscapes.describe import describe
from patray.landscapes.load import iter_sections, load_metadata
from patray.landscapes.slices import make_slices
from patray.landscapes.truth import build_truth
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render


@pytest.mark.parametrize("name", ["a61", "hair-dryer", "ultrasound", "software"])
def test_the_counts_are_those_of_the_landscapes_own_file(real_landscapes, tmp_path, name):
    stated = yaml.safe_load((real_landscapes / name / "landscape.yaml").read_text(encoding="utf-8"))
    prepared = prepare(Folder.at(real_landscapes / name), Folder.at(tmp_path))
    patents = prepared.files["patents.parquet"]
    assert prepared.name == name
    assert patents.read == stated["patents"]
    assert patents.dropped <= 4
    citations = prepared.files.get("citations.parquet")
    assert (citations.read if citations else 0) == stated["citations"]
    data = load_metadata(Folder.at(tmp_path))
    ids = data.patents["patent_id"].to_pylist()
    assert ids == sorted(ids, key=lambda id: id.encode())
    assert len(ids) == patents.kept


def test_hair_dryer_has_claims_families_and_both_domains(real_landscapes):
    found = describe(Folder.at(real_landscapes / "hair-dryer"))
    slices = {one.name: one for one in found.slices}
    assert found.families < found.patents
    assert slices["in"].pairs + slices["out"].pairs == slices["all"].pairs == found.citations
    assert found.claim_rules[ClaimRule.LISTED] > 200
    assert found.with_codes["ipc"] == found.patents


def test_ultrasound_has_a_dense_graph_and_no_query_finds_its_own_family(real_landscapes, tmp_path):
    prepare(Folder.at(real_landscapes / "ultrasound"), Folder.at(tmp_path))
    data = load_metadata(Folder.at(tmp_path))
    truth, counts = build_truth(data)
    assert len(truth.query) > 14_000
    assert counts.queries == len(truth.query_ids) > 1_000
    key = truth.query.astype(np.int64) * len(truth.patent_ids) + truth.patent
    owner = np.repeat(np.arange(len(truth.query_ids)), np.diff(truth.excluded_start))
    assert not np.isin(owner * len(truth.patent_ids) + truth.excluded, key).any()
    assert np.isin(np.arange(len(truth.query_ids)), owner).all()
    assert {one.name for one in make_slices(truth, ["jurisdictions"])[0]} == {"jurisdiction=US", "jurisdiction=EP"}


def test_claim_1_is_shorter_than_the_claims_and_part_of_them(real_landscapes, tmp_path):
    prepare(Folder.at(real_landscapes / "hair-dryer"), Folder.at(tmp_path))
    for batch in iter_sections(Folder.at(tmp_path), ["claims"]):
        for first, whole in zip(render(batch, get_view("claim1")), render(batch, get_view("claims")), strict=True):
            assert first
            assert first in whole


def test_46946_patents_are_validated_in_seconds_with_flat_memory(real_landscapes, tmp_path):
    code = (
        "import resource, sys\n"
        "from patray.files import Folder\nfrom patray.landscapes.validate import prepare\n"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "prepare(Folder.at(sys.argv[1]), Folder.at(sys.argv[2]))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024)\n"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(real_landscapes / "software"), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert time.perf_counter() - begin < 30
    assert int(done.stdout) < 400  # MiB; the texts alone are 225


def test_landscapes_load_neither_torch_nor_ray():
    code = (
        "import pkgutil, sys, patray.landscapes as room\n"
        "for module in pkgutil.walk_packages(room.__path__, 'patray.landscapes.'): __import__(module.name)\n"
        "print(*sorted({'torch', 'ray', 'sklearn', 'faiss', 'matplotlib', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("name", "between", "least"), [("ultrasound", " ", 0.96), ("ultrasound", "\n", 0.999), ("hair-dryer", " ", 0.98)]
)
def test_claim_1_of_real_claims_is_found_again_in_one_lower_cased_text(real_landscapes, tmp_path, name, between, least):
    prepare(Folder.at(real_landscapes / name), Folder.at(tmp_path))
    listed = [
        claims
        for batch in iter_sections(Folder.at(tmp_path), ["claims"])
        for claims in batch.column("claims").to_pylist()
    ]
    listed = [[claim.lower() for claim in claims] for claims in listed if len(claims) > 1]
    flat = [between.join(f"{n}. {claim}" for n, claim in enumerate(claims, 1)) for claims in listed]
    found = [split_flat(text).texts[0] == claims[0].strip() for text, claims in zip(flat, listed, strict=True)]
    assert np.mean(found) >= least
