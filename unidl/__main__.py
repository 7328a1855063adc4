"""`python -m unidl` is the command `unidl`."""

import sys

from unidl.cli import main

if __name__ == "__main__":
    sys.exit(main())
