"""What a run does, step by step, before anything is done: which artifact each step makes, of what, and what is there.

In: a suite's parts (places, models, systems, tasks). Out: inert steps with a name, an identity and a folder; the run
(`cluster/`) makes what they name, `patray plan` (`planning/`) walks the same list dry. Here too: who is making what
(leases), why nothing is reused, what a damaged file costs, and what a store holds.
"""
