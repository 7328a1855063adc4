"""The framework's own operations: those that run, each with its layer, its lane and what it reads."""
