"""What the command's exit codes mean; `unidl --help` prints this table."""

DONE = 0
FAILED = 1
WRONG_COMMAND = 2
UNAVAILABLE = 3
REFUSED = 4

MEANINGS = {
    DONE: "done",
    FAILED: "the script failed; its traceback is above",
    WRONG_COMMAND: "the command line is wrong, or the script is not there",
    UNAVAILABLE: "a backend cannot be used: misspelt, not installed or broken",
    REFUSED: "the model cannot be written so; the error says why",
}
