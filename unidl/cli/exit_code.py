"""What the command's exit codes mean; `unidl --help` prints this table, and docs/command.md shows it."""

DONE = 0
FAILED = 1
WRONG_COMMAND = 2
UNAVAILABLE = 3
REFUSED = 4
HUNG_UP = 129  # 128 + SIGHUP, as a shell counts
INTERRUPTED = 130  # 128 + SIGINT
CLOSED = 141  # 128 + SIGPIPE
TERMINATED = 143  # 128 + SIGTERM

MEANINGS = {
    DONE: "done",
    FAILED: "it could not be done, or the script failed; the reason is above",
    WRONG_COMMAND: "the command line is wrong, or a file that it names is not there",
    UNAVAILABLE: "a backend, device or package cannot be used: misspelt, not installed or broken",
    REFUSED: "the model cannot be written so; the error says why",
    HUNG_UP: "SIGHUP: the terminal was closed",
    INTERRUPTED: "Ctrl-C",
    CLOSED: "what read the output closed it, as in `unidl source … | head`",
    TERMINATED: "SIGTERM",
}
