"""Completions and manual pages say what the commands accept, and the programs that read them do."""

import re
import shutil
import subprocess

import pytest

from lss.command.completion import commands, install

NAMES = ["halo", "ic", "recon", "sim", "stats", "train"]


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    install(prefix)
    return prefix / "share"


def test_every_command_has_a_page_and_a_completion_for_every_shell(share):
    assert sorted(command.name for command in commands()) == NAMES
    for name in NAMES:
        assert (share / f"man/man1/lss-{name}.1").exists()
        assert (share / f"zsh/site-functions/_lss-{name}").read_text().startswith(f"#compdef lss-{name}\n")
        assert (
            f"complete -c lss-{name} -s o -l output -r"
            in (share / f"fish/vendor_completions.d/lss-{name}.fish").read_text()
        )


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("--fig", ["--figures"]), ("--fo", ["--force"]), ("--set stats.slice_t", ["stats.slice_thickness="])],
)
def test_bash_completes_options_and_keys(share, typed, offered):
    line = f"""source {share}/bash-completion/completions/lss-stats
COMP_WORDS=(lss-stats {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _lss_stats; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert done.stdout.split() == offered, done.stderr


def test_bash_completes_files_with_spaces(share, tmp_path):
    (tmp_path / "my universe.h5").touch()
    line = f"""source {share}/bash-completion/completions/lss-ic
COMP_WORDS=(lss-ic my); COMP_CWORD=1; _lss_ic; echo "${{#COMPREPLY[@]}} ${{COMPREPLY[0]}}" """
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "1 my universe.h5\n"


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
@pytest.mark.parametrize("name", NAMES)
def test_manual_pages_are_set_without_a_warning(share, name):
    page = share / f"man/man1/lss-{name}.1"
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True)
    assert done.stderr == ""
    text = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout).replace("‐", "-").replace("−", "-")
    for words in ("SYNOPSIS", "EXAMPLES", "EXIT STATUS", "SLURM_CPUS_PER_TASK", f"lss-{name} "):
        assert words in text
