"""Invented landscapes of any size with truth that is known, from a tree of assistive technologies.

`write.generate` writes a landscape folder and returns what is known of it; `damage.plant` spoils one on purpose.
taxonomy (concepts and their words) -> invention (who publishes what, when) -> citing (who cites whom)
-> wording, grammar, text (titles to claims) -> write.
"""

from patray.landscapes.generate.damage import KINDS, RECOVERABLE, plant
from patray.landscapes.generate.write import GeneratedTruth, generate

__all__ = ["KINDS", "RECOVERABLE", "GeneratedTruth", "generate", "plant"]
