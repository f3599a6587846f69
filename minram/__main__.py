"""python -m minram: the same as the command minram."""

import sys

from .cli import main

sys.exit(main())
