"""The command line as ``python -m ltrr``."""

from ltrr.cli import main

if __name__ == "__main__":
    main()
