"""``python -m web`` is ``crisis-dispatch``."""

from __future__ import annotations

import sys

from web.cli.main import main

sys.exit(main())
