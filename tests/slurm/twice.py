"""Print every name in a folder whose file is replaced by another while this runs: watches inodes until it is ended."""

import os
import sys
import time

seen: dict[str, int] = {}
while True:
    for entry in os.scandir(sys.argv[1]):
        if entry.name.startswith("."):
            continue
        if seen.setdefault(entry.name, entry.inode()) != entry.inode():
            print(entry.name)
            seen[entry.name] = entry.inode()
    time.sleep(0.1)
