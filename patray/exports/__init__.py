"""Runs and landscapes as files of other tools: BEIR folders, mteb results, vectors, FAISS indexes.

In comes a landscape folder or a finished run, out go files that the other tool reads.
"""
