"""Anything that ranks, one kind a file: what a suite may say of it, its name, what it needs, how it ranks.

In comes a line of the suite, out goes a `System`: a frozen record that plan, run and report all read. `kinds.py` lists
the kinds, of this room and of other packages. A system knows nothing of Ray: kinds whose ranking is one task rank
here (`rank`), kinds that are spread over a cluster are started in `patray/cluster/`.
"""
