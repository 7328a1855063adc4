"""Seeing what each framework makes of a model: inspect, compare, report, plot."""

from unidl.insight.comparison import Comparison as Comparison
