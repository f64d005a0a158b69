"""Vectors or texts come in; rankings go out: dense exact search, lexical search, fusion, merge of shards."""
