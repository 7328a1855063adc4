"""Files that execute nothing when they are read: a zip of JSON and safetensors, with limits, written aside and renamed."""

from unidl.files.archive import Archive as Archive
from unidl.files.archive import read as read
from unidl.files.archive import write as write
from unidl.files.nest import join as join
from unidl.files.nest import split as split
