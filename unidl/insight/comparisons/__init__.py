"""Comparing: the same code on several backends, each in processes of its own, measured in turn.

`comparing.py` is the door, `conductor.py` says what is measured when, `process.py` holds a process and its pipe. In that process run
`measured.py` and what it imports: the code itself (`subject.py`), who looks on (`watch.py`), and one file for each kind of measurement.
"""

from unidl.insight.comparisons.comparing import compare as compare
