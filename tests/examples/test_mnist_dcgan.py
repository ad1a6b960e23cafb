"""The example as a program, and its changed generators beside the published one."""

import numpy as np
from programs import load, run, verdict

from minigen import Tensor
from minigen.models import DCGANGenerator

example = load("mnist_dcgan")


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("mnist_dcgan", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert (tmp_path / "run" / "mnist_dcgan.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "samples.gif").read_bytes().startswith(b"GIF8")


def test_a_run_too_short_misses_and_draws_its_table(tmp_path):
    done = run("mnist_dcgan", tmp_path, "--steps", "2", "--ablation", "2", "--channels", "4")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: 5 neighbours agree, %, recipe, all steps" in done.stdout
    for name in example.CHANGES:
        assert f"Frechet distance, {name}: " in done.stdout
    assert (tmp_path / "run" / "ablation.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_change_the_changed_generator_is_the_published_one():
    z = Tensor(np.random.default_rng(1).standard_normal((5, example.LATENT)).astype(np.float32))
    built = example.changed(8, np.random.default_rng(0))
    published = DCGANGenerator(example.LATENT, (8, 4), example.SIDE, rng=np.random.default_rng(0))
    sizes = sorted(p.data.shape for p in published.parameters())
    assert sorted(p.data.shape for p in built.parameters()) == sizes
    for mine, theirs in zip(built.parameters(), published.parameters(), strict=True):
        mine.data[...] = theirs.data
    np.testing.assert_allclose(built(z).data, published(z).data, atol=1e-6)


def test_a_change_takes_away_what_its_name_says():
    def parts(**change):
        return [type(layer).__name__ for layer in example.changed(8, np.random.default_rng(0), **change)]

    assert parts().count("BatchNorm") == 2 and parts().count("ConvTranspose2d") == 2 and parts()[-1] == "Tanh"
    assert "BatchNorm" not in parts(norm=False)
    assert parts(upsample=True).count("UpsampleNearest") == 2
    assert "ConvTranspose2d" not in parts(upsample=True)
    assert parts(tanh=False)[-1] == "ConvTranspose2d"
