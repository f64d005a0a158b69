"""BM25 over the words of a view."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from patray.errors import InputError
from patray.search.words import parse_language
from patray.systems.base import Inputs, System

K1, B = 1.2, 0.75


class Lexical(System):
    """`lexical: bm25` ranks by words; it needs no model."""

    KIND: ClassVar[str] = "lexical"
    NOUN: ClassVar[str] = "keyword search"

    lexical: Literal["bm25"]
    k1: float | None = Field(default=None, ge=0, description="default 1.2")
    b: float | None = Field(default=None, ge=0, le=1, description="default 0.75")
    language: str | dict[str, str] | None = Field(
        default=None,
        description="how texts become terms (docs/suites.md), or one for each LANDSCAPE/VIEW; by default as the texts "
        "are, written when they were read",
    )

    @model_validator(mode="after")
    def _languages(self) -> Lexical:
        for language in self.language.values() if isinstance(self.language, dict) else filter(None, [self.language]):
            try:
                parse_language(language)
            except InputError as error:
                raise ValueError(str(error)) from error
        return self

    def default_name(self) -> str:
        name = f"bm25-{self.language}" if isinstance(self.language, str) else "bm25"
        default = self.k1 in (None, K1) and self.b in (None, B)
        return name if default else f"{name}-k{self.k1 or K1:g}-b{B if self.b is None else self.b:g}"

    def completed(self, ranking_depth: int) -> dict[str, object]:
        return {"k1": K1 if self.k1 is None else self.k1, "b": B if self.b is None else self.b}

    def with_inputs(self, inputs: Inputs) -> System:
        return self if self.language is not None else self.model_copy(update={"language": inputs.languages()})

    def language_of(self, landscape: str, view: str) -> str:
        """The language in which a resolved system reads a landscape's view."""
        if isinstance(self.language, dict):
            place = f"{landscape}/{view}"
            if place not in self.language:
                raise InputError(f"systems: {self.name}: `language` lacks {place}; it has {', '.join(self.language)}")
            return self.language[place]
        return self.language or "english"

    def hint_of_nothing(self, landscape: str, view: str) -> str:
        return f"; words are cut as {self.language_of(landscape, view)} (`language` of the system)"
