"""If these fail, the progress of a run wraps on a terminal, leaves half-drawn lines there, or fills a log file with
control characters."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

RUN = ["--variants", "naive,linear", "-a", "n=16,128", "--rounds", "3", "--no-calibrate", "--no-report", "--no-weights"]
COLUMNS = 70


def on_terminal(command: list[str], folder) -> str:
    """What a command writes to standard error when that is a terminal of COLUMNS columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux ends a pseudo-terminal with EIO
        pass
    os.close(ours)
    assert process.wait(timeout=120) == 0
    return written.decode()


def test_on_a_terminal_one_line_is_redrawn_with_the_newest_estimate(attnbench):
    written = on_terminal([str(attnbench.binary), "run", *RUN, "--out", "run"], attnbench.folder)
    drawn = [line.removesuffix("\x1b[K") for line in re.findall(r"\r(\[[^\r\n]*)", written)]
    assert len(drawn) > 3 and all(len(line) < COLUMNS for line in drawn)
    estimates = [line for line in drawn if re.search(r" left  last: (naive|linear) n(16|128) [\d.]+ (ns|µs|ms)", line)]
    assert estimates and any("±" in line for line in estimates)
    left = [line.split("\r")[-1].removeprefix("\x1b[K") for line in written.split("\r\n")]  # what stays on the screen
    assert not any(line.startswith("[") for line in left)
    assert any(line.startswith("done after") for line in left)


def test_in_a_file_progress_is_plain_lines(attnbench):
    done = attnbench("run", *RUN, "--out", "run")
    assert done.returncode == 0 and "done after" in done.stderr
    assert not re.search(r"[\r\x1b]", done.stderr)
