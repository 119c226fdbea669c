"""A program, not a test: writes the same run again and again, each time killed one flush later.

Prints the number of the run that was not killed; run N lies in the folder N of the folder given.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from runs import classes, written  # noqa: E402  (its own imports need the path above)


def main(parent: Path) -> str:
    flush = os.fsync
    for room in range(1000):
        child = os.fork()
        if child == 0:
            left = iter(range(room))

            def fsync(descriptor: int, left: object = left) -> None:
                if next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                flush(descriptor)

            os.fsync = fsync
            written(parent / str(room), classes())
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status):
            return str(room) if status == 0 else "failed"
    return "never done"


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
