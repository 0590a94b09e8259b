"""No output takes the place of what it must not; what is finished is not made again."""

import os

import pytest
from bench.comfort import overwrites
from bench.comfort.commands import shell


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    overwrites.prepared(folder)
    return folder


def test_no_way_is_found_to_lose_a_file(folder):
    said = []
    assert len(overwrites.WAYS) >= 16
    assert overwrites.lost(folder, said.append) == [], "\n".join(said)
    assert [path.name for path in folder.glob("**/.*")] == []


def test_what_is_ours_is_replaced_by_the_same_work_by_itself_and_by_force(folder):
    line = "lss-ic u.toml --set ic.seed=3 -o same.h5"
    other = line.replace("seed=3", "seed=4")
    assert shell(line, folder).returncode == 0
    assert shell(line, folder).returncode == 0
    assert shell(other, folder).returncode == 2
    assert shell(f"{other} --force", folder).returncode == 0
    assert shell("lss-sim same.h5 -o same.h5", folder).returncode == 0
    assert shell("ln -s same.h5 alias.h5; lss-halo alias.h5 -o alias.h5", folder).returncode == 0
    assert (folder / "alias.h5").is_symlink()


def test_figures_tables_and_reports_are_redrawn_without_asking(folder):
    line = "lss-stats halo.h5 --plot a.png --figures g --tables g --report a.html"
    for _ in range(2):
        done = shell(f"{line} && lss-stats halo.h5 --plot a.svg --tables a.h5", folder)
        assert done.returncode == 0, done.stderr
    assert (folder / "g/power-matter.csv").read_text().startswith("# written by lss-stats ")
    assert b"written by lss-stats" in (folder / "g/spectra.pdf").read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        "lss-ic u.toml --set ic.seed=5 -o r.h5",
        "lss-sim ic.h5 -o rs.h5",
        "lss-halo sim.h5 --drop PartType1 -o rh.h5",
        "lss-stats halo.h5 --truth other.h5 -o rt.h5 --plot r.png",
        "lss-stats e/ -o re.h5",
    ],
)
def test_finished_work_is_kept_on_request_and_looks_new_to_make(folder, line):
    assert shell(line, folder).returncode == 0
    output = folder / line.split("-o ")[1].split(" ")[0]
    before = output.read_bytes()
    os.utime(output, (1e9, 1e9))
    assert "finished" in shell(f"{line} --dry-run", folder).stdout
    done = shell(f"{line} --resume", folder)
    assert done.returncode == 0, done.stderr
    assert "finished already; nothing to do" in done.stderr
    assert output.read_bytes() == before
    assert output.stat().st_mtime > 1e9
    done = shell(f"{line} --resume --set cosmology.h=0.7 --set stats.mesh=16", folder)
    assert done.returncode == 2, done.stderr


def test_a_dry_run_fails_where_the_run_would(folder):
    assert "made from another input" in shell("lss-ic u.toml --set ic.seed=9 -o ic.h5 --dry-run", folder).stderr
    assert "configuration" in shell("lss-ic u.toml -o u.toml --dry-run", folder).stderr


def test_two_outputs_of_one_name_are_refused(folder):
    done = shell("lss-stats halo.h5 --tables twice.h5 -o twice.h5", folder)
    assert (done.returncode, (folder / "twice.h5").exists()) == (2, False)
    assert "--tables twice.h5: -o names the same file" in done.stderr


def test_one_process_makes_an_ensemble_of_the_same_bits_as_pipes(folder):
    line = "lss-ic u.toml --count 2 --index 3 --through sim,halo -o many/"
    done = shell(line, folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "many").iterdir()) == ["000003.h5", "000004.h5"]
    piped = shell("lss-ic u.toml --index 4 | lss-sim | lss-halo -o piped.h5 && lss-stats --digest piped.h5", folder)
    assert shell("lss-stats --digest many/000004.h5", folder).stdout == piped.stdout
    assert shell(f"{line} --resume", folder).stderr.count("finished already") == 2
    listed = shell("lss-stats --list many/000004.h5", folder).stdout
    assert [f"0{i}-lss-{name}" in listed for i, name in enumerate(("ic", "sim", "halo"))] == [True] * 3
    planned = shell("lss-ic u.toml --count 2 --through sim,halo -o many/ --dry-run", folder).stdout
    assert planned.startswith("2 universes, each:")
    assert "2lpt" in planned
    assert "no stage 'simm'" in shell("lss-ic u.toml --through simm -o x.h5", folder).stderr
    assert "a directory: -o DIR/" in shell("lss-ic u.toml --count 2 -o x.h5", folder).stderr
    assert "--count 0: at least one universe" in shell("lss-ic u.toml --count 0 -o none/", folder).stderr


def test_a_directory_goes_through_a_stage_into_another(folder):
    done = shell("lss-halo many/ --set halo.min_particles=30 -o finer/", folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "finer").iterdir()) == ["000003.h5", "000004.h5"]
