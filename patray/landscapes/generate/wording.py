"""How each office words a title, an abstract, a claim and a description: templates with slots.

A slot is `{NAME}` or `{NAME:inflection}`; nouns take a, the, A, The, Bare, verb phrases take s, ing, Ing, to, Base. The
same slot keeps one surface form throughout a section of a document, as a drafter would, and changes it between
sections and between the members of a family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from patray.landscapes.generate.grammar import Grammar, compile_grammar
from patray.landscapes.generate.invention import OFFICES, SLOTS, VERB_SLOTS
from patray.landscapes.generate.taxonomy import Tree, tree

Styles = Mapping[str, Sequence[str]]

MATERIALS = (
    "aluminium", "carbon fibre", "stainless steel", "polypropylene", "silicone rubber", "spring steel",
    "glass-fibre reinforced plastic", "polyurethane", "a magnesium alloy", "a thermoplastic elastomer",
)  # fmt: skip
PLACES = (
    "adjacent to", "opposite", "at an end of", "inside", "below", "on a lateral side of", "in parallel with",
    "at a distance from", "in a recess of", "along", "above", "rearward of",
)  # fmt: skip
QUANTITIES = (
    "a length of 20 to 45 mm", "a thickness of less than 6 mm", "an angle of 15 to 40 degrees", "a mass below 350 g",
    "a diameter of at least 12 mm", "a response time below 80 ms", "a width of 30 to 90 mm", "a hardness of 40 Shore A",
)  # fmt: skip
MAX_CLAIMS = 20

_TITLES: Styles = {
    "*": (
        "Device and method for {F1:ing}",
        "Device and method for assisting {USER:a}",
        "{GENERIC:Bare}",
        "{GENERIC:Bare} and method of operating the same",
        "{PRODUCT:Bare}",
        "{PRODUCT:Bare} with {P1:a}",
        "{GENERIC:Bare} having {T1:a}",
        "Apparatus and system for {G1:ing}",
        "Improved {GENERIC}",
        "{TECH:Bare} for {GENERIC:a}",
        "Assistance system, control method and storage medium",
        "Apparatus for use by {USER:a}",
    ),
    "CN": (
        "Novel {PRODUCT}",
        "Intelligent {GENERIC} based on {TECH}",
        "Multifunctional {GENERIC}",
        "{PRODUCT:Bare} capable of {F1:ing}",
        "Method and device for {G1:ing}, electronic equipment and medium",
        "{GENERIC:Bare} convenient for {USER:a}",
    ),
    "JP": (
        "{PRODUCT:Bare}",
        "{GENERIC:Bare}",
        "{GENERIC:Bare}, control method, and program",
        "{TECH:Bare} and {GENERIC} using the same",
    ),
    "DE": (
        "Device for {F1:ing} and corresponding method",
        "{PRODUCT:Bare}, in particular for {USER:a}",
        "Arrangement with {T1:a}",
        "{GENERIC:Bare} and use thereof",
    ),
}

_OPENERS: Styles = {
    "*": (
        "{PRODUCT:A} includes {P1:a}, {P2:a} and {T1:a}.",
        "{GENERIC:A} for {USER:a} has {P1:a} and {T1:a} arranged {PLACE} {P2:the}.",
        "Disclosed is {PRODUCT:a} comprising {P1:a}, {P2:a} and {TECH:a}.",
        "Systems and methods are described for {F1:ing} by means of {TECH:a}.",
    ),
    "EP": (
        "The invention relates to {PRODUCT:a} comprising {P1:a} (10), {P2:a} (12) and {T1:a} (20).",
        "{GENERIC:A} (1) for {F1:ing} is proposed, having {P1:a} (10) and {T1:a} (20).",
        "The present disclosure concerns {PRODUCT:a} for {USER:a}.",
    ),
    "WO": (
        "The present invention relates to {PRODUCT:a} for {USER:a}, having {P1:a} and {T1:a}.",
        "Provided is {GENERIC:a} comprising {P1:a}, {P2:a} and {TECH:a}.",
    ),
    "JP": (
        "PROBLEM TO BE SOLVED: To provide {PRODUCT:a} capable of {F1:ing} while avoiding {PROB}.",
        "To provide {GENERIC:a} that can {F1} and that is free from {PROB}.",
    ),
    "CN": (
        "The utility model belongs to the technical field of assistive equipment and discloses {PRODUCT:a} comprising "
        "{P1:a}, {P2:a} and {T1:a}.",
        "The invention discloses {GENERIC:a}, which comprises {P1:a} and {T1:a}, wherein {P2:a} is fixedly mounted on "
        "{P1:the}.",
    ),
    "KR": (
        "The present invention relates to {PRODUCT:a}, and more particularly, to {GENERIC:a} for {F1:ing} by using "
        "{TECH:a}.",
    ),
    "DE": (
        "The invention relates to {PRODUCT:a} (1) with {P1:a} (10) and with {T1:a} (20).",
        "{GENERIC:A} (1), in particular for {USER:a}, has {P1:a} (10) {PLACE} {P2:a} (12).",
    ),
}
_STRUCTURE: Styles = {
    "*": (
        "{P1:The} is connected to {P2:the} and carries {P3:a}.",
        "{T1:The} is arranged {PLACE} {P1:the} and cooperates with {A1:a}.",
        "{P2:A} is provided {PLACE} {P1:the}, and {P3:a} is attached thereto.",
    ),
    "JP": (
        "SOLUTION: The apparatus comprises {P1:a}, {P2:a} provided {PLACE} {P1:the}, and {T1:a}.",
        "SOLUTION: {P1:A} supports {P2:a}; {T1:a} is disposed {PLACE} {P3:a}.",
    ),
    "CN": (
        "{P3:A} is movably connected {PLACE} {P2:the}, and one end of {P1:the} is fixedly connected with {A1:a}.",
        "The lower end of {P1:the} is provided with {P2:a}, and {T1:the} is electrically connected with {P3:a}.",
    ),
}
_WORKING: Styles = {
    "*": (
        "In use, {P2:the} serves {F1:to}.",
        "The arrangement is configured {F1:to} and, optionally, {F2:to}.",
        "By {F1:ing}, it becomes possible {EFF1:to}.",
        "{T1:The} is adapted {G1:to} so as {F1:to}.",
    )
}
_TECHNOLOGY: Styles = {
    "*": (
        "{T1:The}, together with {T2:a}, makes it possible {G1:to}.",
        "A control part {G1:s} and, depending on the result, {G2:s}.",
        "For this purpose {TECH:a} with {T2:a} is used {G1:to}.",
        "{T2:A} is coupled to {T1:the} {PLACE} {P1:the} in order {G2:to}.",
    )
}
_PURPOSE: Styles = {
    "*": (
        "Thereby {PROB} can be avoided, and it is possible {EFF1:to}.",
        "This helps {EFF2:to} and counters {PROB2}.",
        "The problem of {PROB} is thus solved without giving rise to {PROB2}.",
        "As a result, the apparatus helps {EFF1:to} and {EFF2:to}.",
    ),
    "CN": (
        "The device has the advantages of simple structure and convenient use, can {EFF1}, and solves the problem of "
        "{PROB}.",
        "The beneficial effects are that the product can {EFF2} and that the problem of {PROB} is solved.",
    ),
    "KR": ("According to the present invention, there is an effect that it is possible {EFF1:to} and {EFF2:to}.",),
}
_FILLER: Styles = {
    "*": (
        "Optionally, {NOISE:a} may be provided {PLACE} {A1:the}.",
        "{P3:The} may be made of {MATERIAL} and have {QUANTITY}.",
        "A corresponding method of manufacture and a use of the device are also specified.",
        "In one embodiment {A1:a} is mounted {PLACE} {P3:the}.",
        "The parts are held in a common casing of {MATERIAL} and can be replaced separately when they are worn.",
        "Further embodiments and a computer program product for carrying out the method are provided as well.",
    )
}
_COMBINED: Styles = {
    "*": (
        "The device can be combined with {SECOND:a} in order {F2:to}.",
        "It also works as {SECOND:a} having {P3:a}.",
        "A variant integrates {SECOND:a}, whose {P3} serves {F2:to}.",
    )
}

_APPARATUS: Styles = {
    "*": (
        "{N}. {HEAD:A} comprising: {P1:a}; {P2:a} connected to {P1:the}; and {T1:a} configured {G1:to}.",
        "{N}. {HEAD:A} for {USER:a}, the {HEAD} comprising {P1:a}, {P2:a} {PLACE} {P1:the}, and {T1:a}, wherein "
        "{P2:the} is configured {F1:to}.",
        "{N}. {HEAD:A}, comprising {P1:a} and {P2:a}, and further comprising {T1:a} operable {F1:to}.",
    ),
    "EP": (
        "{N}. {HEAD:A} (1) comprising {P1:a} (10) and {P2:a} (12), characterised in that {T1:a} (20) is provided "
        "{PLACE} {P1:the} (10) and is configured {G1:to}.",
    ),
    "DE": (
        "{N}. {HEAD:Bare} (1) with {P1:a} (10) and with {P2:a} (12), characterised in that {T1:a} (20) is arranged "
        "{PLACE} {P2:the} (12) {F1:to}.",
    ),
    "CN": (
        "{N}. {HEAD:A}, characterised by comprising {P1:a}, {P2:a} and {T1:a}, wherein {P2:the} is fixedly connected "
        "{PLACE} {P1:the}, and {T1:the} is used for {G1:ing}.",
    ),
}
_METHOD: Styles = {
    "*": (
        "{N}. A method of operating {HEAD:a} having {P1:a}, {P2:a} and {T1:a}, the method comprising: {F1:ing}; and "
        "{G1:ing}.",
        "{N}. A method comprising the steps of {G1:ing} by {T1:a}, and {F1:ing} by means of {P1:a} and {P2:a}.",
    )
}
_SYSTEM: Styles = {
    "*": (
        "{N}. A system comprising {P1:a}, {P2:a}, {T1:a} and at least one processor programmed {G1:to}.",
        "{N}. A kit of parts comprising {P1:a}, {P2:a} and {T1:a}, which can be assembled {F1:to}.",
    )
}


def _references(head: str, bare: str) -> Styles:
    by = {
        "*": (f"The {head} of claim {{M}},", f"The {head} as recited in claim {{M}},"),
        "EP": (f"The {head} according to claim {{M}},", f"The {head} according to one of claims 1 to {{M}},"),
        "WO": (f"The {head} as claimed in claim {{M}},", f"The {head} of claim {{M}},"),
        "JP": (f"The {head} according to claim {{M}},",),
        "CN": (f"The {head} as claimed in claim {{M}},", f"The {head} according to claim {{M}},"),
        "KR": (f"The {head} of claim {{M}},",),
        "DE": (f"{bare} according to claim {{M}},", f"{bare} according to one of claims 1 to {{M}},"),
    }
    return {office: tuple("{N}. " + reference for reference in references) for office, references in by.items()}


_DEPENDENT = (
    "wherein {X:the} comprises {Y:a}.",
    "wherein {X:the} is made of {MATERIAL}.",
    "wherein {X:the} is arranged {PLACE} {Y:a} and has {QUANTITY}.",
    "wherein {T1:the} is further configured {G2:to}.",
    "wherein {X:the} is configured {F2:to}.",
    "further comprising {Y:a} connected to {X:the}.",
    "further comprising {Y:a} adapted {F2:to}.",
    "wherein {X:the} is detachably attached by {Y:a}.",
    "wherein {Y:a} is provided {PLACE} {X:the} so as {G1:to}.",
    "wherein {X:the} has {QUANTITY}.",
    "wherein {X:the} is at least partly covered by a layer of {MATERIAL}.",
    "wherein {P1:the} and {P2:the} are formed in one piece.",
    "wherein a signal of {T1:the} is used {F1:to}.",
    "further comprising {TECH:a} that {G2:s}.",
)
_DEPENDENT_METHOD = (
    "further comprising {G2:ing}.",
    "further comprising {F2:ing}.",
    "wherein {X:the} is monitored by {Y:a}.",
    "wherein the steps are repeated until {X:the} has reached a predetermined state.",
    "further comprising {F1:ing} a second time by {Y:a}.",
    "wherein {Y:a} is moved {PLACE} {X:the} before the first step.",
    "wherein {X:the} is calibrated in advance.",
)
"""The number of bodies must not be a multiple of 3: claims step through them by threes."""


def _characterised(bodies: Sequence[str]) -> Styles:
    german = tuple(body.replace("wherein", "characterised in that", 1) for body in bodies)
    return {"*": tuple(bodies), "EP": german, "DE": german}


_FIELD: Styles = {
    "*": (
        "The invention relates to {GENERIC:a}, in particular to {PRODUCT:a} for {USER:a}.",
        "The present disclosure generally concerns {TECH:a} and, more specifically, its use in {GENERIC:a}.",
    )
}
_BACKGROUND: Styles = {
    "*": (
        "With known devices, {USER:a} often complains of {PROB}.",
        "Conventional solutions with {P1:a} do not prevent {PROB}.",
        "It is known to provide {A1:a}, but this does not overcome {PROB2}.",
        "Prior proposals rely on {P3:a}, which is expensive and leads to {PROB2}.",
    )
}
_SUMMARY: Styles = {
    "*": (
        "It is an object of the invention {EFF1:to} and {EFF2:to}.",
        "The object is achieved by {T1:a} that {G1:s}.",
        "According to one aspect, {P1:a} is provided with {P2:a} in order {F1:to}.",
    )
}
_EMBODIMENT: Styles = {
    "*": (
        "Referring to the drawings, {P1:the} (10) is mounted {PLACE} {P2:the} (12) and has {QUANTITY}.",
        "In a further embodiment, {T1:the} (20) cooperates with {T2:a} (22) {G1:to}.",
        "{X:The} may be formed of {MATERIAL} and can also {F2}.",
        "When {USER:the} starts the device, the apparatus {F1:s} and afterwards {G2:s}.",
        "Alternatively, {Y:a} replaces {X:the} without departing from the scope of the invention.",
    )
}
_BREAK: Styles = {"*": ("\n",)}

ROLES: Mapping[str, Styles] = {
    "title": _TITLES,
    "opener": _OPENERS,
    "structure": _STRUCTURE,
    "working": _WORKING,
    "technology": _TECHNOLOGY,
    "purpose": _PURPOSE,
    "filler": _FILLER,
    "combined": _COMBINED,
    "apparatus": _APPARATUS,
    "method": _METHOD,
    "system": _SYSTEM,
    "of apparatus": _references("{HEAD}", "{HEAD:Bare}"),
    "of method": _references("method", "Method"),
    "of system": _references("system", "System"),
    "dependent apparatus": _characterised(_DEPENDENT),
    "dependent method": _characterised(_DEPENDENT_METHOD),
    "dependent system": _characterised(_DEPENDENT),
    "dependent combined": _characterised(("further comprising {SECOND:a}.", "wherein {SECOND:a} is integrated.")),
    "field": _FIELD,
    "background": _BACKGROUND,
    "summary": _SUMMARY,
    "embodiment": _EMBODIMENT,
    "break": _BREAK,
}


def _closed_class(name: str, first: int) -> tuple[range, int]:
    sizes = {"material": len(MATERIALS), "place": len(PLACES), "quantity": len(QUANTITIES), "number": MAX_CLAIMS + 1}
    return range(first, first + sizes[name]), first + sizes[name]


@cache
def closed_classes() -> dict[str, range]:
    """Forms of materials, places, quantities and the numbers 0 to MAX_CLAIMS; they follow the tree's forms."""
    first = len(tree().forms)
    classes: dict[str, range] = {}
    for name in ("material", "place", "quantity", "number"):
        classes[name], first = _closed_class(name, first)
    return classes


def _verbs(words: Tree) -> set[int]:
    """Forms that are verb phrases."""
    tables = (words.functions, words.area_effects, words.tech_functions, words.tech_effects)
    concepts = [int(c) for table in tables for row, n in zip(table.ids, table.count, strict=True) for c in row[:n]]
    return {form for c in concepts for form in range(int(words.start[c]), int(words.start[c] + words.count[c]))}


@cache
def grammar() -> Grammar:
    """The compiled grammar of all offices, in the order of OFFICES."""
    words = tree()
    verbs = _verbs(words)
    numbers = [str(number) for number in range(MAX_CLAIMS + 1)]
    forms = [(form, position in verbs) for position, form in enumerate(words.forms)]
    forms += [(form, False) for form in (*MATERIALS, *PLACES, *QUANTITIES, *numbers)]
    roles = {name: [styles.get(office, styles["*"]) for office in OFFICES] for name, styles in ROLES.items()}
    return compile_grammar(forms, SLOTS, VERB_SLOTS, roles)
