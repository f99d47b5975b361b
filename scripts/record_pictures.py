"""Records what Gymnasium draws of its classic tasks, for the tests of striatum-train.

    pip install "gymnasium[classic-control]" pillow
    python scripts/record_pictures.py

Writes crates/train/tests/fixtures/pictures/<task>.gif with a picture of each of the states below, which
crates/train/tests/picture.rs has as well.
"""

import os
import pathlib

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

import gymnasium
import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/train/tests/fixtures/pictures"

# States, and for the pendulum the torque before.
STATES = {
    "CartPole-v1": [([0.3, 0.0, 0.15, 0.0], None), ([-2.0, 0.0, -0.1, 0.0], None)],
    "MountainCar-v0": [([-0.9, 0.0], None), ([0.45, 0.0], None)],
    "MountainCarContinuous-v0": [([-0.3, 0.0], None), ([0.4, 0.0], None)],
    "Acrobot-v1": [([0.5, 0.7, 0.0, 0.0], None), ([2.6, -0.4, 0.0, 0.0], None)],
    "Pendulum-v1": [([0.6, 0.0], 1.5), ([2.5, 0.0], -2.0)],
}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for task, states in STATES.items():
        env = gymnasium.make(task, render_mode="rgb_array")
        env.reset(seed=0)
        pictures = []
        for state, torque in states:
            env.unwrapped.state = np.array(state)
            if torque is not None:
                env.unwrapped.last_u = torque
            picture = env.render()
            pictures.append(Image.fromarray(picture).quantize(256))
            change = np.abs(np.asarray(pictures[-1].convert("RGB"), dtype=int) - picture).max()
            assert change <= 32, f"{task}: 256 colours are too few"
        path = FOLDER / f"{task}.gif"
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=1000, loop=0, optimize=False, disposal=2)
        print(path.name, f"{path.stat().st_size} bytes, Gymnasium {gymnasium.__version__}")


if __name__ == "__main__":
    main()
