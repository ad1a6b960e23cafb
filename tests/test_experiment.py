"""The experiment helper: verdicts and exit codes, seeds that can be stopped and go on,
and nothing overwritten.
"""

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minigen import experiment as module
from minigen import losses
from minigen.experiment import Criterion, experiment, rounds_to
from minigen.nn import Dense
from minigen.optim import SGD

ABOUT = "A weight that walks.\n\nMore about it."


def walk(run, stop_at=None, error=None):
    """Trains one weight by noise; its last place and the number of steps are what is measured."""
    model = Dense(1, 1, rng=run.random.generator)
    optimizer = SGD(model, lr=run.settings.lr)

    def step(n):
        if n == stop_at:
            raise error
        for p in model.parameters():
            p.grad = run.random.normal(*p.shape)
        optimizer.step()
        return {"loss": model.weight.data.sum()}

    run.train(step, lambda n: n, run.settings.steps, model=model, optimizer=optimizer, save_every=5)
    (run.folder / "figure.png").write_bytes(b"a figure")
    return {"place": model.weight.data.item(), "steps": optimizer.steps, "seed": run.seed}


def start(folder, *options, one_seed=walk, criteria=None, **kwargs):
    return experiment(
        "walk",
        one_seed,
        ABOUT,
        criteria=criteria or [Criterion("steps", "that is how many there are", above=18, below=22)],
        settings={"steps": 20, "lr": 0.1},
        quick={"steps": 10},
        quick_criteria=[Criterion("steps", "half of them", below=11)],
        arguments=["--out", str(folder), *options],
        **kwargs,
    )


def read(path):
    return json.loads(path.read_text())


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# ----- the verdict ------------------------------------------------------------------------------------------


def test_a_run_that_reaches_its_criterion_returns_0(tmp_path, capsys):
    assert start(tmp_path / "run") == 0
    shown = capsys.readouterr().out
    assert "reached: steps > 18 and < 22 (that is how many there are), value 20\n" in shown
    assert shown.endswith(f"reached; everything is in {tmp_path / 'run'}\n")
    files = {"config.json", "log.csv", "checkpoint.npz", "values.json", "verdict.json"}
    assert contents(tmp_path / "run").keys() == files | {"figure.png", "losses.png"}
    verdict = read(tmp_path / "run" / "verdict.json")
    assert verdict["verdict"] == verdict["criteria"][0]["verdict"] == "reached"
    config = read(tmp_path / "run" / "config.json")
    assert config["settings"] == {"steps": 20, "lr": 0.1}
    assert (config["seed"], config["seeds"], config["device"], config["mode"]) == (0, 1, "cpu", "default")
    assert config["versions"]["numpy"] == np.__version__


def test_a_run_that_misses_returns_1(tmp_path, capsys):
    assert start(tmp_path / "run", "--steps", "30") == 1
    assert "missed: steps > 18 and < 22 (that is how many there are), value 30\n" in capsys.readouterr().out
    assert read(tmp_path / "run" / "verdict.json")["verdict"] == "missed"


def test_all_criteria_must_be_reached(tmp_path):
    criteria = [Criterion("steps", "known", above=0), Criterion("seed", "known", above=7)]
    assert start(tmp_path / "a", criteria=criteria) == 1
    assert start(tmp_path / "b", "--seed", "8", criteria=criteria) == 0


@pytest.mark.parametrize(("value", "holds"), [(1, False), (1.5, True), (2, False), (np.nan, False)])
def test_a_criterion_has_open_ends_and_no_place_for_nan(value, holds):
    assert Criterion("x", "known", above=np.float64(1), below=2).holds(value) is holds


def test_quick_has_its_own_settings_and_criterion_and_an_option_goes_before(tmp_path):
    assert start(tmp_path / "a", "--quick") == 0
    assert read(tmp_path / "a" / "values.json")["steps"] == 10
    assert (tmp_path / "a" / "log.csv").exists()
    assert not (tmp_path / "a" / "losses.png").exists()
    assert start(tmp_path / "b", "--quick", "--steps", "12") == 1


def test_paper_changes_the_settings_where_there_is_a_protocol(tmp_path, capsys):
    assert start(tmp_path / "a", "--paper", paper={"steps": 21}) == 0
    assert read(tmp_path / "a" / "values.json")["steps"] == 21
    assert start(tmp_path / "b", "--paper") == 2
    assert "no published protocol" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


# ----- seeds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("above", "good", "code"), [(5, 4, 0), (6, 3, 1)])
def test_four_of_five_seeds_must_reach_it(tmp_path, capsys, above, good, code):
    criteria = [Criterion("seed", "known", above=above)]
    assert start(tmp_path / "run", "--seed", "5", "--seeds", "5", criteria=criteria) == code
    assert f"reached in {good} of 5 seeds: seed > {above} (known), value 7 ± 1.6" in capsys.readouterr().out


def test_seeds_at_the_same_time_give_the_same_values(tmp_path):
    pytest.importorskip("joblib")
    assert start(tmp_path / "a", "--seeds", "3") == start(tmp_path / "b", "--seeds", "3", "--jobs", "2") == 0
    one, other = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert read(tmp_path / "b" / "config.json")["jobs"] == 2
    del one["config.json"], other["config.json"]
    assert one == other
    assert one["seed-1/values.json"] != one["seed-2/values.json"]


def test_seeds_at_the_same_time_run_in_other_programs_and_are_told_in_order(tmp_path):
    pytest.importorskip("joblib")

    def who(run):
        time.sleep(0.3 * (run.seed == 0))  # the first to start is the last to end
        return {"steps": 20, "process": os.getpid()}

    assert start(tmp_path / "run", "--seeds", "2", "--jobs", "2", one_seed=who) == 0
    measured = read(tmp_path / "run" / "verdict.json")["measured"]
    assert list(measured) == ["0", "1"]
    assert os.getpid() not in {values["process"] for values in measured.values()}


def test_a_seed_that_blows_up_is_missed_and_the_others_go_on(tmp_path, capsys):
    def blows_up(run):
        if run.seed == 1:
            return walk(run, 7, FloatingPointError("loss is nan"))
        return walk(run)

    assert start(tmp_path / "run", "--seeds", "3", one_seed=blows_up) == 1
    shown = capsys.readouterr()
    assert "seed-1: loss is nan" in shown.err
    assert "missed, reached in 2 of 3 seeds" in shown.out
    assert read(tmp_path / "run" / "verdict.json")["criteria"][0]["values"] == [20.0, "nan", 20.0]


def test_a_logvar_that_ran_away_after_training_is_missed_and_no_crash(tmp_path, capsys):
    def runs_away(run):
        mu = np.zeros((1, 1), np.float32)
        return {"steps": losses.gaussian_kl(mu, mu + 90 * run.seed).item()}

    assert start(tmp_path / "run", "--seeds", "2", one_seed=runs_away) == 1
    assert "seed-1: gaussian_kl: logvar runs from 90 to 90" in capsys.readouterr().err
    assert read(tmp_path / "run" / "verdict.json")["criteria"][0]["values"] == [0.0, "nan"]


def test_a_crash_has_a_code_of_its_own_and_shows_where(tmp_path, capsys):
    def crashes(run):
        raise KeyError("no such model")

    assert start(tmp_path / "run", one_seed=crashes) == 3
    shown = capsys.readouterr().err
    assert "in crashes" in shown and shown.endswith("crashed, so there is no verdict\n")
    assert not (tmp_path / "run" / "verdict.json").exists()


# ----- stopping, going on, overwriting nothing --------------------------------------------------------------


def test_an_earlier_run_is_never_overwritten(tmp_path, capsys):
    start(tmp_path / "run")
    before = contents(tmp_path / "run")
    assert start(tmp_path / "run", "--seed", "1") == 0
    assert start(tmp_path / "run", "--seed", "2") == 0
    assert contents(tmp_path / "run") == before
    assert read(tmp_path / "run-3" / "config.json")["seed"] == 2
    assert f"everything is in {tmp_path / 'run-3'}" in capsys.readouterr().out


def test_stopped_seeds_go_on_where_they_were(tmp_path):
    def stopped(run):
        return walk(run, 13, MemoryError()) if run.seed == 1 else walk(run)

    start(tmp_path / "straight", "--seeds", "3", "--steps", "19")
    assert start(tmp_path / "stopped", "--seeds", "3", "--steps", "19", one_seed=stopped) == 3
    first = tmp_path / "stopped" / "seed-0" / "figure.png"
    first.write_bytes(b"kept")  # what is finished is not done again
    assert start(tmp_path / "stopped", "--resume") == 0
    assert first.read_bytes() == b"kept"
    first.write_bytes(b"a figure")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "straight")


def test_ctrl_c_says_how_to_go_on(tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import time, test_experiment as t\n"
        "def one_seed(run):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(20)\n"
        f"sys.exit(t.start({str(tmp_path / 'run')!r}, one_seed=one_seed))\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGINT)
    _, complaint = running.communicate()
    assert running.returncode == 130
    assert complaint == f"\nwalk: interrupted; go on with --resume --out {tmp_path / 'run'}\n"
    assert start(tmp_path / "run", "--resume") == 0


def test_ctrl_c_during_training_saves_first(tmp_path, capsys):
    def interrupted(run):
        run.settings.steps = 10**6
        usual, run.random.normal = run.random.normal, lambda *shape: press(run, usual, shape)
        return walk(run)

    def press(run, usual, shape):
        presses.extend([shape] if shape == (1, 1) else [])
        if shape == (1, 1) and len(presses) == 8:
            signal.raise_signal(signal.SIGINT)
        return usual(*shape)

    presses = []
    assert start(tmp_path / "run", one_seed=interrupted) == 130
    assert "walk: stopped after step 8, saved in" in capsys.readouterr().err
    assert start(tmp_path / "run", "--resume") == 0


def test_resume_refuses_other_options_and_a_folder_without_a_run(tmp_path, capsys):
    start(tmp_path / "run", "--steps", "19")
    before = contents(tmp_path / "run")
    assert start(tmp_path / "run", "--resume", "--steps", "25") == 2
    assert "has steps 19, not 25" in capsys.readouterr().err
    assert start(tmp_path / "run", "--resume", "--seeds", "2") == 2
    assert "has seeds 1, not 2" in capsys.readouterr().err
    assert contents(tmp_path / "run") == before
    assert start(tmp_path / "run", "--resume", "--steps", "19") == 0
    assert start(tmp_path / "none", "--resume") == 2
    assert f"no run to resume in {tmp_path / 'none'}" in capsys.readouterr().err
    (tmp_path / "run" / "config.json").write_text("{")
    assert start(tmp_path / "run", "--resume") == 2
    assert "config.json is damaged" in capsys.readouterr().err


def test_resume_notes_that_a_library_has_changed(tmp_path, capsys):
    start(tmp_path / "run")
    config = read(tmp_path / "run" / "config.json")
    config["versions"]["numpy"] = "1.99"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert start(tmp_path / "run", "--resume") == 0
    assert f"note: begun with numpy 1.99, now {np.__version__}" in capsys.readouterr().out


@pytest.mark.parametrize("library", ["cupy-cuda12x", "cupy-cuda13x"])
def test_the_version_of_cupy_is_kept_whatever_cuda_it_is_for(library, tmp_path, monkeypatch):
    known = importlib.metadata.version

    def version(name):
        return "14.2.0" if name == library else known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    start(tmp_path / "run")
    assert read(tmp_path / "run" / "config.json")["versions"][library] == "14.2.0"


def test_a_damaged_checkpoint_is_a_sentence(tmp_path, capsys):
    assert start(tmp_path / "run", one_seed=lambda run: walk(run, 13, MemoryError())) == 3
    checkpoint = tmp_path / "run" / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-50])
    assert start(tmp_path / "run", "--resume") == 2
    assert "checkpoint.npz is damaged or cut short" in capsys.readouterr().err


def test_mistakes_in_the_experiment_are_not_hidden(tmp_path, capsys):
    assert start(tmp_path / "run", one_seed=lambda run: walk(run, 3, ValueError("a bug"))) == 3
    assert "ValueError: a bug" in capsys.readouterr().err


# ----- options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--steps", "0"], "argument --steps: must be at least 1, got 0"),
        (["--steps", "many"], "argument --steps: invalid whole number value: 'many'"),
        (["--seed", "-1"], "argument --seed: must be at least 0, got -1"),
        (["--seeds", "0"], "argument --seeds: must be at least 1, got 0"),
        (["--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
        (["--quick", "--paper"], "not allowed with argument --quick"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_unknown_options_and_values_are_refused(tmp_path, capsys, options, sentence):
    with pytest.raises(SystemExit) as refusal:
        start(tmp_path / "run", *options)
    assert refusal.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert start(tmp_path / "file" / "run") == 2
    assert (
        f"--out {tmp_path / 'file' / 'run'} cannot be written to: Not a directory" in capsys.readouterr().err
    )


def test_a_device_that_is_not_there(tmp_path, capsys, monkeypatch):
    def missing(array, device):
        raise RuntimeError("device 'cuda' needs CuPy")

    monkeypatch.setattr(module.backend, "to", missing)
    assert start(tmp_path / "run", "--device", "cuda") == 2
    assert "walk: device 'cuda' needs CuPy" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_criterion_for_what_is_not_measured(tmp_path, capsys):
    assert start(tmp_path / "run", criteria=[Criterion("stops", "known", below=1)]) == 2
    assert "the criterion stops < 1 needs a measure of that name, got place, steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("printed", "inside", "outside"),
    [("3.10", (3.0951, 3.1049), (3.0949, 3.1051)), ("9.5e-22", (9.46e-22, 9.54e-22), (9.4e-22, 9.6e-22))],
)
def test_a_printed_number_holds_to_its_last_digit(printed, inside, outside):
    criterion = rounds_to("radius", printed, "a table")
    assert all(criterion.holds(value) for value in inside)
    assert not any(criterion.holds(value) for value in outside)


def test_a_damaged_log_is_a_sentence_and_the_seed_is_done_again(tmp_path, capsys):
    start(tmp_path / "straight", "--steps", "19")
    assert start(tmp_path / "run", "--steps", "19", one_seed=lambda run: walk(run, 13, MemoryError())) == 3
    log = tmp_path / "run" / "log.csv"
    log.write_bytes(log.read_bytes() + b"\x00\xff\n")
    capsys.readouterr()
    assert start(tmp_path / "run", "--resume") == 0
    shown = capsys.readouterr().err
    assert "log.csv is no log of a run, or is damaged: line 3 must be" in shown
    assert f"It is moved to {tmp_path / 'run' / 'damaged'}, and the training is done again" in shown
    for name in ("log.csv", "checkpoint.npz", "values.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()
    assert (tmp_path / "run" / "damaged" / "log.csv").exists()


def test_damaged_values_are_measured_again(tmp_path, capsys):
    start(tmp_path / "run")
    values = tmp_path / "run" / "values.json"
    whole = values.read_bytes()
    for damaged in (whole[:10], b"[1]", b"\xff"):
        values.write_bytes(damaged)
        assert start(tmp_path / "run", "--resume") == 0
        assert "values.json is damaged: measured again" in capsys.readouterr().err
        assert values.read_bytes() == whole


def test_a_worker_that_is_killed_loses_no_seed(tmp_path, capfd):
    pytest.importorskip("joblib")
    killed = tmp_path / "killed"

    def dies_once(run):
        if run.seed == 1 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return walk(run)

    assert start(tmp_path / "run", "--seeds", "3", "--jobs", "2", one_seed=dies_once) == 0
    assert "a worker process was killed; " in capfd.readouterr().err
    assert len(read(tmp_path / "run" / "verdict.json")["measured"]) == 3


def test_workers_that_are_always_killed_are_a_sentence(tmp_path, capfd):
    pytest.importorskip("joblib")

    def dies(run):
        os.kill(os.getpid(), signal.SIGKILL)

    assert start(tmp_path / "run", "--seeds", "2", "--jobs", "2", one_seed=dies) == 2
    assert "walk: given up: 3 times in a row a worker process was killed" in capfd.readouterr().err


def test_a_missing_extra_is_named_before_a_folder_is_made(tmp_path, capsys, monkeypatch):
    for library, option in (("joblib", ["--jobs", "2"]), ("distributed", ["--cluster", "tcp://h:1"])):
        monkeypatch.setitem(sys.modules, library, None)
        assert start(tmp_path / "run", "--seeds", "2", *option) == 2
        assert f"{option[0]} needs" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


def test_a_folder_with_a_space_prints_as_it_can_be_pasted(tmp_path, capsys):
    assert start(tmp_path / "my run") == 0
    assert f"everything is in '{tmp_path / 'my run'}'\n" in capsys.readouterr().out


def test_a_config_without_its_entries_is_damaged(tmp_path, capsys):
    start(tmp_path / "run")
    for text in ("{}", "[]", "[" * 10**5):
        (tmp_path / "run" / "config.json").write_text(text)
        assert start(tmp_path / "run", "--resume") == 2
        assert "config.json is damaged" in capsys.readouterr().err
