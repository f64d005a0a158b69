"""Which systems of a resolved suite are fine-tuned, what each is compared with, and which recipes are controls."""

from __future__ import annotations

from patray.errors import InputError
from patray.runs.suite import Suite
from patray.systems.base import System
from patray.systems.dense import Dense
from patray.systems.lexical import Lexical
from patray.tasks.contamination import period_of
from patray.tasks.verdicts import Made


def made_systems(suite: Suite) -> dict[str, Made]:
    """Name of every dense system of a tuned model to what it was made of; its base is the system of the base model
    with the same width, precision and rescoring. Systems without such a base are left out."""
    tuned = {str(entry.name): entry.tuned for entry in suite.models if entry.tuned is not None}
    systems = [system for system in suite.systems or () if isinstance(system, Dense)]
    plain = {(system.dense, *system.form): str(system.name) for system in systems}
    found = {}
    for system in systems:
        of = tuned.get(system.dense)
        base = plain.get((of.base, *system.form)) if of is not None else None
        if of is not None and base is not None:
            found[str(system.name)] = Made(base, of.recipe, of.home, of.seed)
    return found


def check_bases(suite: Suite) -> None:
    """InputError for a system of a tuned model whose base is no system in the same form: it would have no verdict."""
    bases = {entry.name: entry.tuned.base for entry in suite.models if entry.tuned is not None}
    made = made_systems(suite)
    for system in suite.systems or ():
        if isinstance(system, Dense) and system.dense in bases and system.name not in made:
            raise InputError(
                f"systems: {system.name}: its base {bases[system.dense]} stands there in no form of the same "
                "dimensions, precision and rescore, so what tuning did could not be judged; add it"
            )


def untuned_systems(systems: tuple[System, ...], tuned_models: set[str]) -> tuple[str, ...]:
    """Names of the systems that use no tuned model, themselves or through a part, in order."""
    made: set[str] = set()
    for system in systems:
        if system.uses.keys() & tuned_models or made & set(system.parts):
            made.add(str(system.name))
    return tuple(str(system.name) for system in systems if system.name not in made)


def released_systems(suite: Suite) -> dict[str, str | None]:
    """When the last of each system's models came out, as exactly as it is known; None where nobody knows of one.

    Keyword searches are not there: they use no model. What rankings and vectors made elsewhere use nobody knows.
    """
    dates: dict[str, str | None] = {}
    # A model that was tuned here has read patents of its home, whenever its base came out.
    records = {str(entry.name): entry.record for entry in suite.models if entry.tuned is None}
    found: dict[str, list[str | None]] = {}
    for system in suite.systems or ():
        own = [record.released if (record := records.get(name)) else None for name in system.uses]
        if not own and not system.parts and not isinstance(system, Lexical):
            own = [None]
        found[str(system.name)] = own + [date for part in system.parts for date in found.get(part, [])]
    for name, listed in found.items():
        if listed:
            known = [date for date in listed if date is not None]
            dates[name] = max(known, key=lambda date: period_of(date).last) if len(known) == len(listed) else None
    return dates


def lexical_systems(suite: Suite) -> list[str]:
    """Systems that learned nothing from any patent: keyword searches."""
    return [str(system.name) for system in suite.systems or () if isinstance(system, Lexical)]


def controls(suite: Suite) -> tuple[str, ...]:
    """Names of the recipes that must not help: their positives are shuffled."""
    return tuple(str(entry.name) for entry in suite.recipes if entry.record and entry.record.shuffle_positives)
