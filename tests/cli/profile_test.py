"""If these fail, a profiler sees other work than the calls asked for, or `profile` accepts what it cannot run."""

import subprocess

PROBLEM = "b1 h2 n32 d16 f32 causal"


def test_profile_makes_the_calls_and_prints_no_result(attnbench):
    done = attnbench("profile", "blockwise", "--problem", PROBLEM, "--calls", "3", "--threads", "2")
    assert done.returncode == 0 and done.stdout == ""
    begin, end = done.stderr.splitlines()
    assert begin == f"3 calls of blockwise, {PROBLEM}, 2 threads: begin"
    assert end.startswith("end: ") and "per call" in end


def test_profile_waits_for_enter_between_set_up_and_calls(attnbench):
    command = [attnbench.binary, "profile", "naive", "--problem", PROBLEM, "--wait", "--threads", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline() == f"process {process.pid} is ready; press Enter to start the calls\n"
        assert process.poll() is None
        _, rest = process.communicate("\n", timeout=60)
    assert "begin" in rest and process.returncode == 0


def test_profile_refuses_what_it_cannot_run(attnbench):
    assert "cannot run" in attnbench.refused("profile", "linear", "--problem", PROBLEM + " softcap=3")
    assert "takes one variant" in attnbench.refused("profile", "naive,linear", "--problem", PROBLEM)
    assert "of memory" in attnbench.refused("profile", "naive", "--problem", "b64 h64 n65536 d16 f32")
