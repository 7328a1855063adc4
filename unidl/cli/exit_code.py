"""What the command's exit codes mean; `unidl --help` prints this table."""

DONE = 0
FAILED = 1
WRONG_COMMAND = 2
UNAVAILABLE = 3
REFUSED = 4
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    FAILED: "it could not be done, or the script failed; the reason is above",
    WRONG_COMMAND: "the command line is wrong, or a file that it names is not there",
    UNAVAILABLE: "a backend or a package cannot be used: misspelt, not installed or broken",
    REFUSED: "the model cannot be written so; the error says why",
    INTERRUPTED: "Ctrl-C",
}
