"""The only package that imports ray: embed, search, judge and execute on a cluster or a local Ray."""
