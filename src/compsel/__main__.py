"""`python -m compsel`."""

import sys

from compsel.cli.main import main

sys.exit(main())
