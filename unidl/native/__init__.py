"""How a framework's own layer stands for a description: one row says it, and building, weights, source and files follow."""
