"""Is a gradient right?

Finite differences with error bars, three witnesses side by side, and a readable report.
"""

from minigen.check.gradients import check_gradients
from minigen.check.report import Record, Report
from minigen.check.vjp import check_vjp
from minigen.check.witnesses import Subject, compare, layer_subject

__all__ = ["Record", "Report", "Subject", "check_gradients", "check_vjp", "compare", "layer_subject"]
