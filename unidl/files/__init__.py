"""Files that execute nothing when they are read: a zip of JSON and safetensors, with limits, written aside and renamed."""

from unidl.files.archive import Archive as Archive
from unidl.files.archive import opened as opened
from unidl.files.archive import write as write
from unidl.files.aside import flush_files as flush_files
from unidl.files.aside import folder_aside as folder_aside
from unidl.files.aside import remove_abandoned as remove_abandoned
from unidl.files.aside import replacing as replacing
from unidl.files.aside import write_bytes as write_bytes
from unidl.files.aside import write_text as write_text
from unidl.files.document import dump as dump
from unidl.files.nest import join as join
from unidl.files.nest import split as split
from unidl.files.path import checked_path as checked_path
from unidl.files.path import file_errors as file_errors
from unidl.files.path import refuse_foreign_ending as refuse_foreign_ending
