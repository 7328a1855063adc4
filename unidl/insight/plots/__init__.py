"""unidl.plot: histories as curves, models as graphs."""
