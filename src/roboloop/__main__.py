"""`python -m roboloop` is `roboloop`."""

from roboloop.cli.main import main

if __name__ == "__main__":
    main()
