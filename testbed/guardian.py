"""Ends a testbed's processes and removes its directory when the process that owns it goes away, however it goes.

Run as `guardian.py DIRECTORY KEEP`. It opens a process group, prints the group's id, and waits for its standard
input to end, which the kernel does for every kind of death of the owner, SIGKILL included. All processes of the
testbed join that group, so none can be missed; there is no list of process ids that could be out of date.
"""

import os
import shutil
import signal
import sys


def main(directory: str, keep: bool) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    leader = os.fork()  # only there to lead the group, so that the group's id stays ours while the bed lives
    if leader == 0:
        os.setpgid(0, 0)
        os.closerange(0, 3)
        while True:
            signal.pause()
    os.setpgid(leader, leader)
    print(leader, flush=True)
    sys.stdin.read()
    os.killpg(leader, signal.SIGKILL)
    os.waitpid(leader, 0)
    if not keep:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "keep")
