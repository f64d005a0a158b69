"""The fixed sample on which engines must agree: texts of every kind that has set engines apart, in our own words."""

from __future__ import annotations

CLAIM = (
    "1. A folding brush comprising a handle, a head that is joined to the handle by a hinge, and a spring that holds "
    "the head open, wherein the bristles are set in rows whose height grows towards the rim."
)
DESCRIPTION = (
    "The present disclosure relates to a device for measuring the stiffness of tissue with sound. A transducer sends "
    "a first pulse at 5.0 MHz, and a second one after a delay of 12 ms; from the shift of the echoes a controller "
    "computes the speed of the shear wave, in metres per second, along 64 lines. In one embodiment the housing 10 "
    "holds a battery 12, a coil 14 and a shield 16 of copper. "
)
SHORT: dict[str, str] = {
    "short": "Hinge for a folding brush.",
    "one word": "brush",
    "title and claim": f"Folding brush\n{CLAIM}",
    "empty section": "Folding brush\n",
    "no text": "",
    "braces": "A method {0} of mixing {query} with {} and {{task}}, wherein % of x is {document!r}.",
    "blanks at both ends": "  \t a claim between blanks \n ",
    "Chinese": "一种折叠刷，包括手柄、刷头以及将刷头铰接于手柄的弹簧。",
    "Japanese": "超音波診断装置およびその制御方法であって、送信部と受信部とを備える。",
    "Korean": "접이식 브러시는 손잡이와 헤드를 포함한다.",
    "Russian": "Складная щётка, содержащая рукоятку и головку, соединённую с ней шарниром.",
    "Arabic": "فرشاة قابلة للطي تشتمل على مقبض ورأس متصل به بمفصل.",
    "Greek and signs": "μ = 4π·10⁻⁷ H/m, 35 °C ≤ T < 40 °C, ½ Ω — “quoted” … 🪥",
}
"""Texts that fit into any model's limit, by what they are."""


def parity_sample(max_tokens: int) -> dict[str, str]:
    """The sample for a model that cuts at `max_tokens`: SHORT, one text within the limit, one far beyond it."""
    within = max(1, max_tokens // 200)  # DESCRIPTION is about 100 tokens, more for tokenizers of other languages
    beyond = 1 + max_tokens // 20
    return {**SHORT, "long": DESCRIPTION * min(within, 8), "truncated": f"Device\n{DESCRIPTION * beyond}{CLAIM}"}
