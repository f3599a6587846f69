"""python -m minram: the same as the command minram."""

import sys

from minram.command.cli import main

sys.exit(main())
