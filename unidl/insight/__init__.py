"""Seeing what each framework makes of a model: inspect, compare, report, plot."""

from unidl.insight.comparison import Comparison as Comparison
from unidl.insight.inspections.inspecting import inspect as inspect
from unidl.insight.plots.plotting import Plot as Plot
from unidl.insight.plots.plotting import plot as plot
from unidl.inspection.inspection import Inspection as Inspection
