"""How long every example takes, and whether it reaches its criterion.

    python tests/benchmarks/examples.py [--quick] [--gallery] [NAME ...]

One after the other, as programs, in a folder that is thrown away. `--gallery` keeps the main figure
of each run, which has the name of the example, in examples/gallery/: that is how the figures of
examples/README.md are made.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def main():
    names = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all if none is given"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--gallery", action="store_true")
    given = parser.parse_args()
    unknown = set(given.names) - set(names)
    if unknown:
        parser.error(f"no example is called {', '.join(unknown)}")
    total, codes = 0.0, []
    for name in given.names or names:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, EXAMPLES / f"{name}.py", "--out", f"{folder}/run"]
            begin = time.perf_counter()
            done = subprocess.run(
                [*command, "--quick"] if given.quick else command, capture_output=True, text=True
            )
            seconds = time.perf_counter() - begin
            if given.gallery:
                # 64 shades are a third of the size
                with Image.open(Path(folder) / "run" / f"{name}.png") as figure:
                    figure.convert("RGB").quantize(64).save(
                        EXAMPLES / "gallery" / f"{name}.png", optimize=True
                    )
        total += seconds
        codes.append(done.returncode)
        verdict = {0: "reached", 1: "missed"}.get(done.returncode, f"exit code {done.returncode}")
        print(f"{name:26}{seconds:7.1f} s  {verdict}", flush=True)
        if done.returncode:
            print(done.stdout + done.stderr)
    print(f"{'together':26}{total:7.1f} s")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
