"""`python -m convstep` is the command `convstep`."""

import sys

from convstep.cli import main

if __name__ == "__main__":
    sys.exit(main())
