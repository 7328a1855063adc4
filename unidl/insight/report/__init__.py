"""The report: one page, in one file, of what was compared or inspected."""

from unidl.insight.report.page import page as page
from unidl.insight.report.page import write as write
