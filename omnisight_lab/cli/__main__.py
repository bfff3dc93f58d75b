"""`python -m omnisight_lab.cli`: the command line without the script."""

from omnisight_lab.cli import main

main()
