"""What a system costs to use, as far as the run's record says: the work of embedding a million patents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from patray.planning.estimates import read_estimates
from patray.report.data import Results
from patray.report.declared import declared
from patray.report.grid import number_of
from patray.report.words import amount, clean
from patray.runs.step_record import StepRecord

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """Of a million patents, documents alone. hours: CPU and GPU hours; usd: None where no price was given.

    free: no model is needed. reranks: a second model reads the results of every query, which is not in it.
    """

    cpu_hours: float = 0.0
    gpu_hours: float = 0.0
    usd: float | None = 0.0
    free: bool = False
    reranks: bool = False

    @property
    def rank(self) -> tuple[bool, float, float]:
        """What comes first is cheaper: without a reranker, then in dollars where they are known, then by hours."""
        known = self.usd is not None
        return self.reranks, self.usd if known and self.usd else 0.0, self.gpu_hours * GPU_AS_CPU + self.cpu_hours

    def words(self) -> str:
        """`nothing to embed`, `about 5.0 CPU-hours ($0.31) for a million patents`."""
        example = self.usd is None and not self.gpu_hours
        return self._words(example_dollars(self.cpu_hours) if example else "", " for a million patents")

    def short(self) -> str:
        """For a column whose note says that it is of a million patents: `5.0 CPU-hours ($0.31)`."""
        return self._words("", "").removeprefix("about ")

    def _words(self, example: str, of: str) -> str:
        more = ", and a second model for every query" if self.reranks else ""
        if self.free:
            return f"nothing to embed{more}"
        spent = [
            f"{amount(hours)} {unit}"
            for hours, unit in ((self.gpu_hours, "GPU-hours"), (self.cpu_hours, "CPU-hours"))
            if hours
        ]
        dollars = f"${self.usd:,.2f}" if self.usd else example
        return f"about {' and '.join(spent)}{f' ({dollars})' if dollars else ''}{of}{more}"


GPU_AS_CPU = 30.0
"""CPU-hours that a GPU-hour counts as where no price is given: about what clouds ask for one against the other."""


@cache
def example_cpu_hour() -> float:
    """US dollars of a core-hour with which `patray plan` counts where the suite names no `prices`."""
    return next(row.price_hour for row in read_estimates().accelerators if row.kind == "cpu" and row.price_hour)


def example_dollars(cpu_hours: float) -> str:
    """`$5.55 at an example price of $0.05 a core-hour`."""
    price = example_cpu_hour()
    return f"${cpu_hours * price:,.2f} at an example price of ${price:.2f} a core-hour"


def price_of(results: Results, system: str, view: str) -> Price | None:
    """The price of a system in a view, from the embedding steps of the run (or of the run that made the vectors); None
    where they were not recorded, as of rankings that were made elsewhere."""
    steps = [step for step in results.steps("embed") if clean(step.view) == view]
    models, reranks = _models_of(results, system)
    if models is None:
        return None
    prices = [_of_model([step for step in steps if clean(step.model) == model]) for model in sorted(models)]
    if any(price is None for price in prices):
        return None
    found = [price for price in prices if price is not None]
    dollars = [price.usd for price in found]
    return Price(
        cpu_hours=sum(price.cpu_hours for price in found),
        gpu_hours=sum(price.gpu_hours for price in found),
        usd=None if any(usd is None for usd in dollars) else sum(usd or 0.0 for usd in dollars),
        free=not found,
        reranks=reranks,
    )


def _models_of(results: Results, system: str) -> tuple[set[str] | None, bool]:
    """The models whose vectors a system uses, and whether it reranks; None where that is not known."""
    known = declared(results.suite_text).systems
    said = known[system].said if system in known else None
    if said is None or said.HERE:
        return None, False
    if said.searches is not None:
        return {clean(said.searches)}, False
    parts = tuple(map(clean, said.parts))
    found: set[str] = set()
    reranks = said.ALONE
    for part in parts:
        models, again = _models_of(results, part)
        if models is None:
            return None, False
        found |= models
        reranks |= again
    return found, reranks


def _of_model(steps: list[StepRecord]) -> Price | None:
    """Of one model, over the steps that embedded documents in the view."""
    measured = [
        (patents, number_of(step.get("cpu_hours")) or 0.0, number_of(step.get("gpu_hours")) or 0.0, step)
        for step in steps
        if step.role != "query" and (patents := number_of(step.get("patents")))
    ]
    measured = [row for row in measured if row[1] or row[2]]
    if not measured:
        return None
    patents = sum(row[0] for row in measured)
    dollars = [number_of(row[3].get("cost_usd")) for row in measured]
    return Price(
        cpu_hours=sum(row[1] for row in measured) / patents * MILLION,
        gpu_hours=sum(row[2] for row in measured) / patents * MILLION,
        usd=None if any(usd is None for usd in dollars) else sum(usd or 0.0 for usd in dollars) / patents * MILLION,
    )
