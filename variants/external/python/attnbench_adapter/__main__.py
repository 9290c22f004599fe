"""Started by the plugin: the socket is descriptor 3, the shared memory 4, the plugin's process id the argument."""

import os
import sys

from attnbench_adapter.parent import die_with_parent
from attnbench_adapter.server import serve

SOCKET, MEMORY = 3, 4  # variants/external/adapter/adapter_process.cpp

die_with_parent(int(sys.argv[1]))
serve(SOCKET, MEMORY)
os._exit(0)  # nothing is left to do, and libraries take up to half a second to unload themselves
