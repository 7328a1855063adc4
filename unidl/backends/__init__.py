"""Backends: a contract, a registry, the choice among them, and one folder for each framework."""
