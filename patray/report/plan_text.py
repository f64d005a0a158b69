"""A plan as text for a terminal, and as data for machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from patray.planning.cost import OWN_PRICES, Cost
from patray.planning.embeddings import EmbedPlan
from patray.planning.estimates import Range
from patray.planning.plan import ModelPlan, Plan, add_ranges
from patray.planning.rankings import RankPlan
from patray.planning.training import TrainPlan

LEGEND = "to do; 3/64: so many windows of vectors exist; done; =: the vectors of another step serve; no: cannot run"
MARKS = {"to do": "to do", "done": "done", "shared": "=", "refused": "no"}

PAIRS = {"reranker": "pairs", "listwise": "prompts"}


def format_plan(plan: Plan) -> str:
    """The whole plan: models and their cost, disk, every step, and where each estimate comes from."""
    sources = _Sources()
    blocks = [
        _head(plan),
        "MODELS: what is still to do\n" + _models(plan, sources) + "\n" + _totals(plan),
        _training(plan),
        _time(plan),
        _memory(plan),
        _disk(plan),
        *_steps(plan),
        _trouble(plan),
        "WHERE THE ESTIMATES COME FROM\n" + sources.text() + _prices(plan),
    ]
    return "\n\n".join(block for block in blocks if block)


def plan_data(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values: every step, model, byte and dollar, with the table of estimates that made them."""
    return {
        "suite": plan.suite.name,
        "run": plan.run,
        "run_state": plan.run_state,
        "tokens_per_batch": plan.tokens_per_batch,
        "landscapes": [
            {
                "name": corpus.name,
                "patents": corpus.patents,
                "queries": corpus.queries,
                "prepared": corpus.exists,
                "source_bytes": corpus.source_bytes,
                "clean_bytes": corpus.clean_bytes,
            }
            for corpus in plan.corpora
        ],
        "models": [_model_data(model) for model in plan.models],
        "train": [dataclasses.asdict(step) for step in plan.training],
        "embed": [dataclasses.asdict(step) for step in plan.embeddings],
        "rank": [dataclasses.asdict(step) for step in plan.rankings],
        "judge": "done" if plan.run_state == "finished" else "to do",
        "search_cpu_hours": plan.search_hours,
        "seconds": {**dataclasses.asdict(plan.time), "wall": plan.time.wall},
        "disk": dataclasses.asdict(plan.disk) | {"written": plan.disk.written},
        "notes": list(plan.notes),
        "estimates": plan.estimates.model_dump(mode="json"),
    }


def _model_data(plan: ModelPlan) -> dict[str, Any]:
    model = plan.model
    return {
        "name": model.name,
        "record": model.record.name,
        "engine": model.engine,
        "weights": model.record.size,
        "dtype": model.record.dtype,
        "refused": model.refused,
        "found": model.found,
        "counted": model.vocabulary is None,
        "vocabulary": None if model.vocabulary is None else model.vocabulary.model_dump(mode="json"),
        "inputs": plan.inputs,
        "truncated": plan.truncated,
        "tokens": plan.tokens,
        "tokens_to_do": plan.to_do,
        "training_tokens": plan.training,
        "gpu_memory": None if plan.memory is None else dataclasses.asdict(plan.memory),
        "cost": dataclasses.asdict(plan.cost),
        "file_bytes": plan.file_bytes,
        "file_source": plan.file_source,
    }


class _Sources:
    """Notes, each said once, by letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, text: str) -> str:
        number = len(self._letters)
        letter = chr(97 + number % 26) * (1 + number // 26)
        return self._letters.setdefault(text, letter)

    def text(self) -> str:
        return "\n".join(f"  {letter:>2}  {text}" for text, letter in self._letters.items())


def _head(plan: Plan) -> str:
    suite = plan.suite
    lines = [
        f"PLAN of {suite.name}: {_some(len(plan.corpora), 'landscape')}, {_some(len(suite.views), 'view')}, "
        f"{_some(len(plan.models), 'model')}, {_some(len(suite.systems or ()), 'system')}",
        f"run folder {plan.run}: {plan.run_state}",
        "",
    ]
    rows = [
        [
            corpus.name,
            f"{corpus.patents:,}",
            f"{corpus.queries:,}",
            _size(corpus.source_bytes),
            "done" if corpus.exists else "to do",
        ]
        for corpus in plan.corpora
    ]
    lines.append(_table(["landscape", "patents", "queries", "source", "prepare"], rows, "<>>><"))
    return "\n".join([*lines, *(f"note: {note}" for note in plan.notes)])


def _models(plan: Plan, sources: _Sources) -> str:
    rows = []
    for item in plan.models:
        model, record = item.model, item.model.record
        if model.vocabulary is None:
            how = f"counted {sources.mark('counted with the tokenizer of the model itself')}"
        else:
            name, source = model.vocabulary.name, model.vocabulary.source
            low, middle, high = model.vocabulary.ratio
            how = "est. " + sources.mark(
                f"tokens of the packaged MiniLM tokenizer, counted, x {middle:g} ({low:g} to {high:g}) for {name}: "
                f"{source}"
            )
        rows.append(
            [
                model.name,
                model.engine.replace("sentence-transformers", "st"),
                _short(record.size),
                record.dtype.replace("float", "f").replace("bf", "bf"),
                f"{item.inputs:,}" if record.kind not in PAIRS else f"{_pairs(plan, item):,} {PAIRS[record.kind]}",
                f"{item.truncated / item.inputs:.1%}" if item.inputs else "-",
                _millions(item.to_do, record.kind not in PAIRS and model.vocabulary is None),
                how,
                _gib(item),
                *_cost(item, sources),
                _size(item.file_bytes or 0),
                ("cannot run" if model.refused else "") or ("no files" if not model.found else model.found),
            ]
        )
    head = [
        "model", "engine", "weights", "dtype", "texts", "cut", "million tokens", "how", "GPU GiB", "on", "hours", "USD",
        "source", "files", "found",
    ]  # fmt: skip
    return _table(head, rows, "<<><>>><><>><><")


def _gib(item: ModelPlan) -> str:
    if isinstance(item.cost, Cost) and item.cost.kind == "cpu":
        return "-"
    return "?" if item.memory is None else f"{item.memory.total / 2**30:.1f}"


def _cost(item: ModelPlan, sources: _Sources) -> list[str]:
    cost = item.cost
    if not isinstance(cost, Cost):
        return ["-", "-", "-", sources.mark(f"not placed: {cost.reason}")]
    count = f"{cost.devices}x" if cost.devices > 1 else ""
    usd = "?" if cost.usd is None else _spread(cost.usd)
    return [f"{count}{cost.accelerator}", _spread(cost.hours), usd, sources.mark(cost.source)]


def _totals(plan: Plan) -> str:
    lines = []
    can = [item for item in plan.models if not item.model.refused]
    for label, items in (("all that can run", can), ("with those that cannot", list(plan.models))):
        if items and (label != "with those that cannot" or len(items) > len(can)):
            costs = [item.cost for item in items if isinstance(item.cost, Cost)]
            hours = add_ranges(cost.hours for cost in costs)
            usd = add_ranges(cost.usd for cost in costs if cost.usd is not None)
            kind = "GPU" if any(cost.kind == "gpu" for cost in costs) else "core"
            missing = "" if len(costs) == len(items) else f"; {len(items) - len(costs)} not placed are not in it"
            lines.append(f"{label}: {kind}-hours {_spread(hours)}, USD {_spread(usd)}{missing}")
    if any(isinstance(item.cost, Cost) and item.cost.usd and item.cost.price_source != OWN_PRICES for item in can):
        lines.append("USD by the example prices below; give the suite `prices` for yours, here and in the report.")
    lines.append(f"Batches of {plan.tokens_per_batch:,} tokens. Exact searches: {plan.search_hours:.2f} core-hours.")
    return "\n".join(lines)


def _training(plan: Plan) -> str:
    if not plan.training:
        return ""
    gpus = {model.model.name: model.cost for model in plan.models}
    rows = []
    for step in plan.training:
        cost = gpus[step.model]
        rows.append(
            [
                step.model,
                f"{step.pairs:,}",
                f"{step.steps:,}",
                _millions(step.tokens, False),
                f"{step.memory / 2**30:.1f}",
                cost.accelerator if isinstance(cost, Cost) else "-",
                step.state,
            ]
        )
    head = ["training", "pairs", "steps", "million forward tokens it is worth", "GiB", "on", ""]
    why = (
        "A training token is worth 4 forward ones (GradCache: without gradients, with them, and twice as much back), 5 "
        "with gradient checkpointing; validations are in it. Its hours stand in the model's row above. GiB: weights, "
        "gradients and AdamW; the activations of one mini-batch come on top."
    )
    return "TRAINING: pairs and steps counted\n" + _table(head, rows, "<>>>><<") + "\n" + why


def _disk(plan: Plan) -> str:
    disk = plan.disk
    rows = [
        ["clean copies of landscapes", _size(disk.clean), "exact"],
        ["checkpoints", _size(disk.checkpoints), "float32"],
        ["vectors (float32)", _size(disk.vectors), ""],
        ["token vectors (float16)", _size(disk.token_vectors), "a vector for every token"],
        ["FAISS indexes for other tools", _size(disk.indexes), _asked(plan, "faiss")],
        ["rankings", _size(disk.rankings), ""],
        ["TREC runs", _size(disk.trec), _asked(plan, "trec")],
        ["evidence of retrieval", _size(disk.evidence), "every query reported; other tasks are small beside it"],
        ["written to the work directory", _size(disk.written), ""],
        ["landscapes read", _size(disk.source_read), "exact"],
        ["model files fetched", _size(disk.models), "once a node that holds an encoder; exact where they were found"],
        ["vectors read back for search", _size(disk.vectors_read), "egress where the work directory is a bucket"],
    ]
    return f"DISK AND TRAFFIC (upper estimates; {plan.estimates.bytes.source})\n" + _table([], rows, "<><")


def _memory(plan: Plan) -> str:
    """What searches will hold in memory, where their systems say so: said before anything is made."""
    steps = [step for step in plan.rankings if step.memory[2] > 0]
    if not steps:
        return ""
    rows = [
        [step.system, f"{step.landscape}/{step.view}", f"{_size(expected)} ({_size(low)}-{_size(high)})"]
        for step in steps
        for low, expected, high in [step.memory]
    ]
    return "MEMORY of indexes (terms of a text are assumed until they are counted)\n" + _table([], rows, "<<<")


def _time(plan: Plan) -> str:
    time = plan.time
    phases = ("start", "prepare", "encode", "search", "lexical", "judge")
    said = ", ".join(f"{name} {getattr(time, name):,.0f}" for name in phases)
    devices = f", {time.devices} devices that encode" if plan.suite.embedding.gpus else ""
    return f"WALL TIME on {time.cores} cores{devices}: about {time.wall:,.0f} s\n  seconds of its phases: {said}"


def _asked(plan: Plan, export: str) -> str:
    return "" if export in plan.suite.exports else f"none: `exports: [{export}]` or `patray export` makes them"


def _steps(plan: Plan) -> Iterable[str]:
    views = [view if isinstance(view, str) else view.name for view in plan.suite.views]
    for corpus in plan.corpora:
        embed = [step for step in plan.embeddings if step.landscape == corpus.name]
        rank = [step for step in plan.rankings if step.landscape == corpus.name]
        rows = [["prepare", "", "done" if corpus.exists else "to do", *[""] * (len(views) - 1)]]
        rows += _train_rows([step for step in plan.training if step.home == corpus.name], len(views))
        rows += _embed_rows(embed, views)
        rows += _rank_rows(rank, views)
        new = [step for step in embed if step.why]
        why = "".join(f"\n  {one.model} {one.view} as {one.role}: nothing to reuse: {one.why}" for one in new)
        yield f"STEPS of {corpus.name} ({LEGEND})\n" + _table(["step", "", *views], rows, "<<" + "<" * len(views)) + why
    yield f"judge, evidence, intervals, tests, report: {'done' if plan.run_state == 'finished' else 'to do'}"


def _train_rows(steps: list[TrainPlan], width: int) -> list[list[str]]:
    return [
        ["train", f"{step.model}: {step.pairs:,} pairs, {step.steps:,} steps", MARKS[step.state], *[""] * (width - 1)]
        for step in steps
    ]


def _embed_rows(steps: list[EmbedPlan], views: list[str]) -> list[list[str]]:
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for step in steps:
        mark = MARKS.get(step.state) or f"{step.windows[0]}/{step.windows[1]}"
        what = f"{step.role} in spans {step.spans}" if step.spans else step.role
        cells.setdefault((step.model, what), {})[step.view] = mark
    return [
        ["embed", f"{model} as {role}", *(found.get(view, "") for view in views)]
        for (model, role), found in cells.items()
    ]


def _rank_rows(steps: list[RankPlan], views: list[str]) -> list[list[str]]:
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for step in steps:
        cells.setdefault((step.step, step.system), {})[step.view] = MARKS[step.state]
    return [[kind, system, *(found.get(view, "") for view in views)] for (kind, system), found in cells.items()]


def _trouble(plan: Plan) -> str:
    reasons: dict[str, list[str]] = {}
    for item in plan.models:
        if item.model.refused:
            reasons.setdefault(item.model.refused, []).append(item.model.name)
    refused = [f"  {', '.join(names)}: {why}" for why, names in reasons.items()]
    absent = [item.model.name for item in plan.models if not item.model.found and not item.model.refused]
    terms = [
        f"  {record.name}: {', '.join(said)}"
        for record in {item.model.record.repo: item.model.record for item in plan.models}.values()
        if (
            said := [
                *(["gated"] if record.gated else []),
                *(["not for commercial use"] if record.commercial is False else []),
                *([f"not for use in the {', '.join(record.excluded_regions)}"] if record.excluded_regions else []),
                *(["commercial use not stated"] if record.commercial is None else []),
            ]
        )
    ]
    blocks = []
    if refused:
        blocks.append("CANNOT RUN: `patray run` refuses the suite until these are settled or left out\n")
        blocks[-1] += "\n".join(refused)
    if absent:
        blocks.append(
            f"NO FILES for {', '.join(absent)}: `patray run` needs models_from.mirror, models_from.hub: true or a path"
        )
    if terms:
        blocks.append("LICENCES TO READ (`patray models NAME`)\n" + "\n".join(terms))
    return "\n\n".join(blocks)


def _prices(plan: Plan) -> str:
    used = {item.cost.accelerator: item.cost for item in plan.models if isinstance(item.cost, Cost)}
    lines = [
        f"      {row.name}: {row.price_hour if row.price_hour is not None else 'no'} USD an hour "
        f"({used[row.name].price_source}); {row.peak_source}"
        for row in plan.estimates.accelerators
        if row.name in used
    ]
    search = f"      search: {plan.estimates.search.source}\n      wall time: {plan.estimates.time.source}"
    memory = "      GPU memory: patray's own estimate from the record (weights, one batch, workspace)"
    return "\n" + "\n".join([*lines, search, memory])


def _pairs(plan: Plan, item: ModelPlan) -> int:
    systems = {system.name for system in plan.suite.systems or () if item.model.name in system.uses}
    wanted = ("to do", "refused") if item.model.refused else ("to do",)
    return sum(step.pairs for step in plan.rankings if step.system in systems and step.state in wanted)


def _millions(value: Range, exact: bool) -> str:
    low, middle, high = (part / 1e6 for part in value)
    return f"{middle:,.3f}" if exact or low == high else f"{middle:,.1f} ({low:,.1f}-{high:,.1f})"


def _spread(value: Range) -> str:
    digits = 0 if value[1] >= 100 else 1 if value[1] >= 10 else 2
    low, middle, high = (f"{part:,.{digits}f}" for part in value)
    return middle if low == high else f"{middle} ({low}-{high})"


def _short(count: int | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M"


def _size(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """Columns padded to their widest cell; sides: < or > for each."""
    lines = [list(head), *map(list, rows)] if head else [list(row) for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)).rstrip()
        for line in lines
    )
