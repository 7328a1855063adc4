"""Graph: symbolic tensors and nodes, what tracing records; no framework and no layer is known here."""
