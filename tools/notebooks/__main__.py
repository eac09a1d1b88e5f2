"""`python -m tools.notebooks`: see store.py."""

import sys

from tools.notebooks.store import main

sys.exit(main())
