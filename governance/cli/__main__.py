"""`python -m governance.cli`, for where the script is not on the path."""

from governance.cli import main

main()
