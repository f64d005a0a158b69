"""Recipes of fine-tuning: a record in, training pairs and a trained model out.

`record` is what a recipe says, `builtin/` the study's four and the sham, `sources/` make the pairs of a landscape's
training families, `false_negatives` says which in-batch negatives are none, `validation` what a training is watched by,
`train` is the training itself.
"""
