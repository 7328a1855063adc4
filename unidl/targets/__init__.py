"""What targets must be beside predictions, said once for losses, metrics and the Trainer.

`shapes` compares their shapes, `labels` looks for integer labels that are none of the classes, `distributions` whether probabilities
are some, `function` whether a function of the two broadcasts one against the other.
"""
