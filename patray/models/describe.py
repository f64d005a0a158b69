"""The registry in words: a table of all models, and everything that is known about one."""

from __future__ import annotations

import importlib.util
import textwrap

from patray.models.announced import Announced, announced
from patray.models.record import ModelRecord, Prompts
from patray.models.registry import registry

WIDTH = 110
LABEL = 16
UNKNOWN = "unknown"
HEADER = ("name", "kind", "params", "dim", "tokens", "pooling", "prompts", "runs here by", "licence", "notice")
KINDS = {"dense": "dense", "late-interaction": "late", "sparse": "sparse", "reranker": "rerank", "listwise": "listwise"}
NUMBERS = {"params", "dim", "tokens"}


def list_models() -> str:
    """Every model of the registry, one a line, by name. The notices are explained below the table."""
    rows = [HEADER, *(_row(record) for record in sorted(registry().values(), key=lambda record: record.name))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = [
        "  ".join(
            cell.rjust(width) if name in NUMBERS else cell.ljust(width)
            for name, cell, width in zip(HEADER, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(
        [
            *lines,
            "",
            "dim: per token for late interaction, scores for rerankers. +D: Dense heads after pooling.",
            "tokens: where patray cuts. prompts: how many further sets a suite can name.",
            "NC: no commercial use. NC?: not known whether the licence allows it. gated: the hub asks for consent.",
            "no EU: not meant for use there. code: needs remote code. patents: trained on patents or citations.",
            "runs here by: engines that the record allows and that are installed (st: sentence-transformers, ov:",
            "openvino, ct2: ctranslate2), and the class that stands in for code of the repository; in brackets: not",
            "installed.",
            "",
            "Known by repository and revision alone; with a folder of their files (`path`) they are records too:",
            *_announced_lines(),
            "",
            "`patray models NAME` explains one.",
        ]
    )


def _announced_lines() -> list[str]:
    rows = [
        (model.name, KINDS[model.kind], short_size(model), model.licence or UNKNOWN, model.released or "", model.repo)
        for _, model in sorted(announced().items())
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def explain_announced(model: Announced) -> str:
    """What is known of a model whose files nobody has read, and what to do."""
    commercial = {True: "commercial use is allowed", False: "NO COMMERCIAL USE", None: "commercial use: unknown"}
    facts = [
        ("revision", model.revision or UNKNOWN),
        ("kind", f"{model.kind}, family {model.family}"),
        ("parameters", UNKNOWN if model.size is None else f"{short_size(model)} ({model.size:,})"),
        ("tokens", UNKNOWN if model.nominal_tokens is None else f"the architecture takes {model.nominal_tokens:,}"),
        ("licence", f"{model.licence or UNKNOWN}; {commercial[model.commercial]}"),
        ("released", model.released or UNKNOWN),
        ("all else", "read in its files: give a folder with them as the model's `path`, and see what they say by "
         "`patray models record FOLDER`"),
    ]  # fmt: skip
    if model.notes:
        facts.append(("notes", model.notes))
    if model.template_of is not None:
        facts.append(("template", f"that of {model.template_of}, the same make; not checked against its own card"))
    return "\n".join([f"{model.name}: {model.repo}", "", *(line for fact in facts for line in _paragraph(*fact))])


def _row(record: ModelRecord) -> tuple[str, ...]:
    return (
        record.name,
        KINDS[record.kind],
        short_size(record),
        str(record.dimension),
        str(record.max_tokens),
        record.pooling + ("+D" if record.dense_heads and record.kind == "dense" else ""),
        _prompt_kind(record),
        runs_here_by(record),
        textwrap.shorten(record.licence, 24, placeholder=" ..."),
        ", ".join(notices(record)),
    )


def runs_here_by(record: ModelRecord) -> str:
    """The engines that run it on this machine, such as `st as gte` or `(vllm)` where that is not installed."""
    if not record.engines:
        return "nothing"
    words = {"sentence-transformers": "st", "openvino": "ov", "ctranslate2": "ct2"}
    here = [engine for engine in record.engines if importlib.util.find_spec(engine.replace("-", "_")) is not None]
    names = ", ".join(words.get(engine, engine) for engine in here or record.engines)
    shown = names if here else f"({names})"
    if record.remote_code is not None:
        return f"{shown} with code"
    return shown if record.native is None else f"{shown} as {record.native}"


def notices(record: ModelRecord) -> list[str]:
    """What a person must know before using it, in one or two words each."""
    found = {False: ["NC"], None: ["NC?"], True: []}[record.commercial]
    found = found + (["gated"] if record.gated else []) + [f"no {region}" for region in record.excluded_regions]
    found += ["code"] if record.remote_code is not None else []
    return found + (["patents"] if record.contamination else [])


def short_size(record: ModelRecord | Announced) -> str:
    """Parameters as 7.6B or 305M, with ~ where only a published, rounded size is known."""
    if record.size is None:
        return "?"
    number = f"{record.size / 1e9:.1f}B" if record.size >= 1e9 else f"{record.size / 1e6:.0f}M"
    return number if record.parameters is not None else f"~{number}"


def _prompt_kind(record: ModelRecord) -> str:
    if record.template is not None:
        return "template"
    if not any(_texts(record.prompts)):
        return "no"
    if record.kind == "late-interaction":
        return "markers"
    return f"yes, +{len(record.prompt_sets)}" if record.prompt_sets else "yes"


def _texts(prompts: Prompts) -> tuple[str, ...]:
    return (prompts.document, prompts.query, prompts.classification or "", prompts.clustering or "")


def explain(record: ModelRecord) -> str:
    """Everything in the record, in words. What is not known is said to be unknown."""
    lines = [f"{record.name}: {record.repo}", ""]
    for label, text in _facts(record):
        lines += _paragraph(label, text)
    lines += ["", *_prompt_lines(record)]
    lines += ["", "Unknown"]
    if record.unknown:
        lines += [line for fact in record.unknown for line in _wrap(fact, "  - ", "    ")]
    else:
        lines.append("  nothing is listed as unverified")
    return "\n".join(lines)


def _facts(record: ModelRecord) -> list[tuple[str, str]]:
    facts = [
        ("revision", record.revision),
        ("kind", f"{record.kind}, family {record.family}"),
        ("parameters", _parameters(record)),
        ("dimension", _dimension(record)),
        ("tokens", _tokens(record)),
    ]
    if record.kind == "late-interaction":
        facts.append(("lengths", f"query {record.query_tokens:,} with expansion, document {record.document_tokens:,}"))
        facts.append(("expansion", f"attended: {_yes(record.expansion_attended)}"))
        facts.append(("punctuation", f"skipped in documents: {_yes(record.punctuation_skipped)}"))
    facts += [
        ("pooling", _pooling(record)),
        ("attention", record.attention),
        ("architecture", record.architecture or UNKNOWN),
        ("padding", record.padding_side or "side unknown; patray pads right"),
    ]
    if record.last_token is not None:
        facts.append(("last token", f"every input must end with id {record.last_token}, after truncation too"))
    if record.kind == "reranker":
        scores = {"sigmoid": "sigmoid of one logit", "yes-no": "P(yes) against P(no) at the last token"}
        facts.append(("score", UNKNOWN if record.score is None else scores[record.score]))
    if record.adapters:
        facts.append(("LoRA adapters", ", ".join(f"{name} for {role}" for role, name in record.adapters.items())))
    facts.append(("engines", (", then ".join(record.engines) or "none, see the notes") + f"; {record.dtype}"))
    if record.engine_arguments:
        facts.append(("vllm arguments", ", ".join(f"{key}={value}" for key, value in record.engine_arguments.items())))
    if record.tensor_parallel > 1:
        facts.append(("GPUs", f"{record.tensor_parallel} for one copy (tensor parallel)"))
    facts.append(("remote code", _remote_code(record)))
    if record.package is not None:
        facts.append(("package", f"the Python package {record.package} carries it"))
    facts += [
        ("licence", _licence(record)),
        ("released", record.released or UNKNOWN),
        ("trained on", record.training_data),
        ("contamination", _contamination(record)),
    ]
    return facts + ([("notes", record.notes)] if record.notes else [])


def _parameters(record: ModelRecord) -> str:
    if record.parameters is not None:
        return f"{record.parameters:,}"
    return UNKNOWN if record.size is None else f"about {short_size(record).lstrip('~')} (the exact number is unknown)"


def _tokens(record: ModelRecord) -> str:
    shipped = {
        True: "",
        False: ", where patray chose to: its own files cut further on",
        None: " (where its own files cut is unknown)",
    }
    text = f"cut at {record.max_tokens:,}{shipped[record.limit_shipped]}"
    return f"{text}; the architecture takes {record.nominal_tokens:,}"


def _dimension(record: ModelRecord) -> str:
    if record.kind == "reranker":
        return f"{record.dimension} score for a pair"
    text = f"{record.dimension:,}" + (" for each token" if record.kind == "late-interaction" else "")
    if record.trained_dimension_range is not None:
        low, high = record.trained_dimension_range
        return f"{text}; trained to be cut to any width from {low} to {high}"
    if record.trained_dimensions is None:
        return f"{text}; the widths that it was trained to be cut to are unknown"
    widths = ", ".join(map(str, record.trained_dimensions))
    return f"{text}; trained to be cut to {widths}" if widths else f"{text}; no shorter widths are known to be trained"


def _pooling(record: ModelRecord) -> str:
    names = {"mean": "mean of the tokens", "cls": "first token (CLS)", "last": "last token", "token": "none, by token"}
    parts = [names.get(record.pooling, record.pooling)]
    parts += [f"Dense {'?' if into is None else into} to {out}" for into, out in record.dense_heads]
    if record.kind != "reranker":
        modules = {True: "Normalize", False: "no Normalize module", None: "unknown whether a Normalize module follows"}
        parts.append(modules[record.normalised])
    if not record.ships_modules:
        parts.append("the repository states no pooling")
    return "; ".join(parts)


def _remote_code(record: ModelRecord) -> str:
    if record.native is not None:
        return f"the repository's own does not run: {record.native} of transformers or patray stands in for it"
    if record.remote_code is None:
        return "the record names none"
    code = record.remote_code
    if code.commit is None:
        return f"needed, from {code.repo or 'an unknown repository'}; no commit is verified, so patray does not run it"
    return f"needed, from {code.repo} at {code.commit}; runs only where the suite allows it"


def _licence(record: ModelRecord) -> str:
    commercial = {
        True: "commercial use is allowed",
        False: "NO COMMERCIAL USE",
        None: "whether commercial use is allowed is unknown",
    }
    parts = [record.licence, commercial[record.commercial]]
    parts += ["GATED: accept the terms on the hub first"] if record.gated else []
    parts += [f"NOT FOR USE IN: {', '.join(record.excluded_regions)}"] if record.excluded_regions else []
    return "; ".join(parts)


def _contamination(record: ModelRecord) -> str:
    if record.contamination:
        return f"{record.contamination} Read its scores on patents with that in mind."
    return "unknown: the sources name no patent set, which does not prove that there was none"


def _prompt_lines(record: ModelRecord) -> list[str]:
    if record.template is not None:
        template = record.template
        texts = [f"    {part:<15} {getattr(template, part)!r}" for part in ("prefix", "body", "suffix", "task")]
        return ["Template (blanks count)", f"  from: {template.origin}", *texts]
    lines = ["Prompts (blanks count)"]
    for name, prompts in {"default": record.prompts, **record.prompt_sets}.items():
        lines += _wrap(f"{name} ({prompts.origin})", "  ", "    ")
        for role in ("query", "document", "classification", "clustering"):
            text = getattr(prompts, role)
            lines.append(f"    {role:<15}" + (" as document" if text is None else f" {text!r}"))
    return lines


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: UNKNOWN}[value]


def _paragraph(label: str, text: str) -> list[str]:
    return _wrap(text, f"{label:<{LABEL}}", " " * LABEL)


def _wrap(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
