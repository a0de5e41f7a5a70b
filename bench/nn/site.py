"""Install the other packages of the network benchmarks in build/nn/site, outside environments.

    python -m bench.nn.site

Their dependencies are not installed: of aeon only the data are read, and the dependencies of the
others come with PyTorch and scikit-learn, or are listed here.
"""

import importlib.metadata
import subprocess
import sys

from bench.harness.environments import SITE

PEERS = {"torchao": "0.18.0", "lassonet": "0.0.21", "torch-pruning": "1.6.1"}
REQUIREMENTS = [
    "aeon==1.6.0",
    *(f"{name}=={version}" for name, version in PEERS.items()),
    "sortedcontainers",
    "tqdm",
]


def use():
    """Make these packages importable, after those of the environment."""
    if str(SITE) not in sys.path:
        sys.path.append(str(SITE))


def main():
    there = {d.metadata["Name"] for d in importlib.metadata.distributions(path=[str(SITE)])}
    wanted = [line for line in REQUIREMENTS if line.split("==")[0] not in there]
    if wanted:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--target", str(SITE), *wanted], check=True)


if __name__ == "__main__":
    main()
