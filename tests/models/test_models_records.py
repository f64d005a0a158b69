"""The registry against the facts that its records were written from, typed in again here."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from patray.errors import InputError, ModelError
from patray.models.record import ModelRecord, RerankTemplate
from patray.models.registry import find_record, parse_record, registry
from patray.models.resolve import require_runnable

WEB = "Given a web search query, retrieve relevant passages that answer the query"
STUDY = {
    *("nemotron-8b", "qwen3-embedding-8b", "qwen3-embedding-4b", "qwen3-embedding-0.6b", "octen-8b", "nemotron-1b"),
    *("kalm-gemma3-12b", "patembed-base", "gte-multilingual-base", "nomic-v2-moe", "multilingual-e5-large", "jina-v3"),
    *("minilm", "bge-m3", "patentsberta", "stella-1.5b", "conan-v1", "embeddinggemma-300m"),
    *("answerai-colbert-small", "colbertv2", "jina-colbert-v2"),
}
NEIGHBOURS = {
    *("patembed-large", "multilingual-e5-large-instruct", "arctic-embed-m-v2", "paecter", "bert-for-patents"),
    *("bge-reranker-v2-m3", "jina-reranker-v2", "qwen3-reranker-0.6b"),
}
# name: (revision, dimension, pooling, dense heads, tokens, query prompt, document prompt)
GOLDEN: dict[str, tuple[str, int, str, list[tuple[int, int]], int, str, str]] = {
    "nemotron-8b": (
        *("84a375593d27d3528beb4e104822515659e093b4", 4096, "mean", [], 4096),
        *("Instruct: Given a question, retrieve passages that answer the question\nQuery: ", ""),
    ),
    "qwen3-embedding-8b": (
        *("4e423935c619ae4df87b646a3ce949610c66241c", 4096, "last", [], 8192),
        *(f"Instruct: {WEB}\nQuery:", ""),
    ),
    "qwen3-embedding-4b": (
        *("636cd9bf47d976946cdbb2b0c3ca0cb2f8eea5ff", 2560, "last", [], 8192),
        *(f"Instruct: {WEB}\nQuery:", ""),
    ),
    "qwen3-embedding-0.6b": (
        *("b22da495047858cce924d27d76261e96be6febc0", 1024, "last", [], 8192),
        *(f"Instruct: {WEB}\nQuery:", ""),
    ),
    "octen-8b": (
        *("2030603c2926ab005fafd824fac5911e271be21f", 4096, "last", [], 8192),
        *(f"Instruct: {WEB}\nQuery:", " "),
    ),
    "kalm-gemma3-12b": (
        *("edf22f4753f58b05e3f5495818d31f12db63056d", 3840, "last", [], 512),
        *("Instruct: Given a query, retrieve documents that answer the query \n Query: ", ""),
    ),
    "nemotron-1b": (
        *("113abe4acafa848e77ead9c0623205e511932348", 2048, "mean", [], 8192),
        *("query: ", "passage: "),
    ),
    "stella-1.5b": (
        *("d03be74b361d4eb24f42a2fe5bd2e29917df4604", 1024, "mean", [(1536, 1024)], 512),
        *(f"Instruct: {WEB}.\nQuery: ", ""),
    ),
    "patembed-base": (
        *("244ba452908a3093be11efb8a44396652317fb14", 768, "mean", [(1024, 768)], 512),
        *("encode query for mixed document retrieval: ", "encode document for mixed retrieval: "),
    ),
    "gte-multilingual-base": ("ca1791e0bcc104f6db161f27de1340241b13c5a4", 768, "cls", [], 8192, "", ""),
    "nomic-v2-moe": (
        *("1066b6599d099fbb93dfcb64f9c37a7c9e503e85", 768, "mean", [], 512),
        *("search_query: ", "search_document: "),
    ),
    "multilingual-e5-large": (
        *("ab10c1a7f42e74530fe7ae5be82e6d4f11a719eb", 1024, "mean", [], 512),
        *("query: ", "passage: "),
    ),
    "multilingual-e5-large-instruct": (
        *("baa7be480a7de1539afce709c8f13f833a510e0a", 1024, "mean", [], 512),
        *(f"Instruct: {WEB}\nQuery: ", ""),
    ),
    "jina-v3": (
        *("d18862d9a48706220815554fac3ebb4dfa46fc28", 1024, "mean", [], 8192),
        *("Represent the query for retrieving evidence documents: ", "Represent the document for retrieval: "),
    ),
    "bge-m3": ("5617a9f61b028005a4858fdac845db406aefb181", 1024, "cls", [], 8192, "", ""),
    "arctic-embed-m-v2": ("f2a7d59d80dfda5b1d14f096f3ce88bb6bf9ebdc", 768, "cls", [], 8192, "query: ", ""),
    "embeddinggemma-300m": (
        *("64614b0b8b64f0c6c1e52b07e4e9a4e8fe4d2da2", 768, "mean", [(768, 3072), (3072, 768)], 2048),
        *("task: search result | query: ", "title: none | text: "),
    ),
    "conan-v1": ("bb9749a57d4f02fd71722386f8d0f5a9398d7eeb", 1792, "mean", [(1024, 1792)], 512, "", ""),
    "minilm": ("8b3219a92973c328a8e22fadcfa821b5dc75636a", 384, "mean", [], 256, "", ""),
    "patentsberta": ("3ff1d553c861d8f5bfd902333d97fc95eb6b4c8f", 768, "cls", [], 512, "", ""),
    "paecter": ("1f355d9e9a34dc4859e22d05ce27e970eeacfbd2", 1024, "mean", [], 512, "", ""),
    "colbertv2": (
        *("c1e84128e85ef755c096a95bdb06b47793b13acf", 128, "token", [(768, 128)], 180),
        *("[unused0] ", "[unused1] "),
    ),
    "bge-reranker-v2-m3": ("953dc6f6f85a1b2dbfca4c34a2796e7dde08d41e", 1, "cls", [], 8192, "", ""),
}
EXACT_PARAMETERS = {
    "nemotron-8b": 7_504_924_672,
    "qwen3-embedding-8b": 7_567_295_488,
    "qwen3-embedding-4b": 4_021_774_336,
    "qwen3-embedding-0.6b": 595_776_512,
    "kalm-gemma3-12b": 11_766_034_176,
    "gte-multilingual-base": 305_368_320,
    "nomic-v2-moe": 475_292_928,
    "embeddinggemma-300m": 307_581_696,
    "minilm": 22_713_216,
    "colbertv2": 109_482_240,
    "jina-colbert-v2": 559_366_144,
    "jina-reranker-v2": 278_437_633,
    "qwen3-reranker-0.6b": 595_776_512,
}
RECORDS = list(registry().values())


def changed(name: str, **changes: Any) -> dict[str, Any]:
    return {**find_record(name).model_dump(), **changes}


def test_the_registry_holds_the_systems_of_the_study_and_their_neighbours_and_nothing_else() -> None:
    assert set(registry()) == STUDY | NEIGHBOURS
    assert len(STUDY) == 21  # and BM25, which is no model, makes 22


def test_no_two_records_share_a_repository_or_a_name() -> None:
    assert len({record.repo for record in RECORDS}) == len(RECORDS)
    assert len({record.name for record in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_record_states_the_facts_it_was_written_from(name: str) -> None:
    revision, dimension, pooling, heads, tokens, query, document = GOLDEN[name]
    record = find_record(name)
    assert (record.revision, record.dimension, record.pooling) == (revision, dimension, pooling)
    assert list(record.dense_heads) == heads
    assert record.max_tokens == tokens
    assert repr(record.prompts.query) == repr(query)
    assert repr(record.prompts.document) == repr(document)


def test_exact_sizes_are_exact_and_all_others_are_only_rounded() -> None:
    assert {r.name: r.parameters for r in RECORDS if r.name in EXACT_PARAMETERS} == EXACT_PARAMETERS
    assert find_record("octen-8b").parameters == 7_567_295_488
    others = [r for r in RECORDS if r.name not in EXACT_PARAMETERS and r.name != "octen-8b"]
    assert all(r.parameters is None and r.size == r.rounded_parameters for r in others)
    assert all(r.size for r in RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_record_has_a_licence_and_only_vetted_facts(record: ModelRecord) -> None:
    assert record.licence.strip()
    assert record.training_data.strip()
    unknown = " ".join(record.unknown)
    for fact, words in (
        (record.normalised, "ormali"),
        (record.padding_side, "padding side"),
        (record.trained_dimensions, "Matryoshka"),
        (record.released, "release date"),
        (record.size if record.parameters is None else record.parameters, "number of weights"),
    ):
        assert fact is not None or words in unknown, f"{record.name}: {words} is null but not listed as unknown"
    if record.commercial is None:
        assert "licence" in unknown or "terms" in unknown
    if record.remote_code is not None and record.remote_code.commit is None:
        assert "commit" in unknown
    if record.attention == "unknown":
        assert "attention" in unknown


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_model_with_prompts_can_be_run_without_them(record: ModelRecord) -> None:
    prompts = record.prompts
    if record.kind == "dense" and any((prompts.query, prompts.document, prompts.classification, prompts.clustering)):
        bare = record.prompt_sets["none"]
        assert [bare.of(role) for role in ("document", "query", "classification", "clustering")] == [""] * 4
    else:
        assert record.prompt_sets == {}
    for origin in (prompts.origin, *(one.origin for one in record.prompt_sets.values())):
        assert origin.strip()


def test_task_specific_prompts_are_as_published() -> None:
    large = find_record("patembed-large").prompt_sets
    assert set(large) == {
        *("none", "retrieval_IN", "retrieval_OUT", "retrieval_inventor"),
        *("title2full", "problem2full", "effect2substance"),
    }
    base = find_record("patembed-base").prompt_sets
    assert set(base) == {"none", "retrieval_IN", "retrieval_OUT"}
    for sets in (large, base):
        assert sets["retrieval_IN"].query == "encode query for same document retrieval: "
        assert sets["retrieval_IN"].document == "encode document for same retrieval: "
        assert sets["retrieval_OUT"].query == "encode query for different document retrieval: "
        assert sets["retrieval_OUT"].document == "encode document for different retrieval: "
    assert large["retrieval_inventor"].query == "encode query for same inventor document retrieval: "
    assert large["title2full"].document == "encode document for retrieval: "
    assert large["effect2substance"].document == "encode substance for retrieval: "
    s2s = find_record("stella-1.5b").prompt_sets["s2s"]
    assert s2s.query == "Instruct: Retrieve semantically similar text.\nQuery: "
    gemma = find_record("embeddinggemma-300m")
    assert gemma.prompts.classification == "task: classification | query: "
    assert gemma.prompts.clustering == "task: clustering | query: "
    assert gemma.prompt_sets["semantic-similarity"].query == "task: sentence similarity | query: "
    nomic = find_record("nomic-v2-moe").prompts
    assert (nomic.classification, nomic.clustering) == ("classification: ", "clustering: ")
    e5 = find_record("multilingual-e5-large").prompts
    assert (e5.classification, e5.clustering) == ("query: ", "query: ")


def test_licence_flags_mark_exactly_the_restricted_models() -> None:
    assert {r.name for r in RECORDS if r.commercial is False} == {
        *("nemotron-8b", "patembed-base", "patembed-large", "jina-v3", "jina-colbert-v2", "jina-reranker-v2"),
        "conan-v1",
    }
    assert {r.name for r in RECORDS if r.gated} == {"embeddinggemma-300m"}
    assert {r.name: r.excluded_regions for r in RECORDS if r.excluded_regions} == {"kalm-gemma3-12b": ("EU",)}
    assert {r.name for r in RECORDS if r.commercial is None} == {
        *("patentsberta", "kalm-gemma3-12b", "embeddinggemma-300m"),
    }
    assert {r.name for r in RECORDS if r.contamination} == {
        *("patembed-base", "patembed-large", "paecter", "patentsberta", "bert-for-patents"),
    }


def test_models_that_vllm_gets_wrong_are_not_given_to_it() -> None:
    for name in ("jina-v3", "patentsberta", "nomic-v2-moe", "gte-multilingual-base"):
        record = find_record(name)
        assert "vllm" not in record.engines
        assert "vLLM" in record.notes


def test_no_model_of_the_study_needs_the_code_of_its_repository() -> None:
    for name in STUDY | {"bge-reranker-v2-m3", "jina-reranker-v2"}:
        record = find_record(name)
        assert record.remote_code is None
        for engine in record.engines:
            if record.kind == "dense" or engine == "sentence-transformers":
                dtype = "int8" if engine == "ctranslate2" else record.dtype
                require_runnable(record.model_copy(update={"dtype": dtype}), engine, False)


def test_late_interaction_lengths_and_expansion_are_as_published() -> None:
    late = {r.name: (r.query_tokens, r.document_tokens, r.expansion_attended) for r in RECORDS if r.query_tokens}
    assert late == {
        "answerai-colbert-small": (32, 300, False),
        "colbertv2": (32, 180, False),
        "jina-colbert-v2": (32, 8192, True),
    }


def test_the_generative_reranker_writes_the_published_template() -> None:
    template = find_record("qwen3-reranker-0.6b").template
    assert template is not None
    assert template.prefix == (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    assert template.suffix == "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    body = template.body_of("a {document} holder", "a {query} {0} cup")
    assert body == f"<Instruct>: {WEB}\n<Query>: a {{document}} holder\n<Document>: a {{query}} {{0}} cup"


def test_a_template_without_one_of_its_slots_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"slot \{document\} exactly once"):
        RerankTemplate(prefix="", body="{task} {query}", suffix="", task="t", origin="o")


def test_trained_widths_tell_yes_no_and_unknown_apart() -> None:
    assert find_record("qwen3-embedding-4b").trained_for(100) is True
    assert find_record("qwen3-embedding-4b").trained_for(16) is False
    assert find_record("jina-v3").trained_for(256) is True
    assert find_record("jina-v3").trained_for(300) is False
    assert find_record("octen-8b").trained_for(512) is None
    assert find_record("octen-8b").trained_for(4096) is True


def test_roles_with_the_same_text_are_encoded_once_unless_an_adapter_differs() -> None:
    assert find_record("minilm").encoding_role("query") == "document"
    assert find_record("qwen3-embedding-0.6b").encoding_role("query") == "query"
    assert find_record("nomic-v2-moe").encoding_role("clustering") == "clustering"
    jina = find_record("jina-v3")
    bare = jina.model_copy(update={"prompts": jina.prompt_sets["none"]})
    assert bare.encoding_role("query") == "query"
    assert bare.adapter_of("clustering") == "separation"


def test_a_late_interaction_record_without_lengths_is_refused() -> None:
    with pytest.raises(InputError, match="query_tokens and document_tokens"):
        parse_record(changed("colbertv2", query_tokens=None), "suite.yaml")


def test_a_length_beyond_the_architecture_is_refused() -> None:
    with pytest.raises(InputError, match="above nominal_tokens 512"):
        parse_record(changed("colbertv2", document_tokens=513), "suite.yaml")


def test_a_record_with_a_missing_field_names_file_and_field() -> None:
    fields = changed("minilm")
    del fields["pooling"]
    with pytest.raises(InputError, match=r"suite\.yaml.*pooling: Field required"):
        parse_record(fields, "suite.yaml")


def test_an_unknown_model_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(ModelError, match="did you mean patembed-base"):
        find_record("patembed-bas")


def test_parity_values_name_models_of_the_registry_and_lie_in_range() -> None:
    from importlib import resources

    values = yaml.safe_load(resources.files("patray.models").joinpath("parity_values.yaml").read_text("utf-8"))
    assert set(values["cosine"]) | set(values["score"]) | set(values["maxsim"]) <= set(registry())
    assert len(values["cosine"]) == 9
    for kind, low, high in (("cosine", -1, 1), ("score", 0, 1), ("maxsim", 0, 32)):
        for name, numbers in values[kind].items():
            assert len(numbers) == 4, name
            assert all(low <= number <= high for number in numbers), name
    assert values["cosine"]["minilm"] == [0.46371, 0.81205, 0.72828, 0.75051]
