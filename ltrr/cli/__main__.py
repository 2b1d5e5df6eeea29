"""`python -m ltrr.cli`."""

from ltrr.cli.entry import main

if __name__ == "__main__":
    main()
