"""Runs commands one after the other under torchrun, each a JSON list; the first process prints their exit codes.

Each has a group of its own, and so a port of its own: torchrun's is for one group.
"""

import json
import os
import sys

from unstuck.cli.main import run

os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"
codes = []
for said in sys.argv[1:]:
    port, *command = json.loads(said)
    os.environ["MASTER_PORT"] = str(port)
    codes.append(run(command))
if os.environ["RANK"] == "0":
    print(f"codes {codes}")
