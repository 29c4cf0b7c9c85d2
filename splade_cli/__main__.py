"""``python -m splade_cli`` is `splade`."""

from splade_cli.cli.main import main

main()
