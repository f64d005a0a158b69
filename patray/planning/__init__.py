"""The plan of a suite: every step, what exists, tokens, memory, hours, money, disk. Reads, and writes nothing.

In: a resolved suite, a work directory, the table of estimates. Out: a `Plan`, which `patray.report.plan_text` prints.
Tokens are counted where a model's tokenizer is at hand; everything else that is estimated says from what.
"""
