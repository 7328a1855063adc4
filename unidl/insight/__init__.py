"""Seeing what each framework makes of a model: inspect, compare, report, plot."""
