#!/usr/bin/env python3
"""Loads the event files of runs with TensorBoard itself and checks that curves and configuration are there.

    python3 scripts/check_events.py RUN...        (needs: pip install tensorboard)
"""

import math
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = [
    "charts/SPS",
    "charts/learning_rate",
    "charts/episodic_return",
    "losses/policy_loss",
    "losses/value_loss",
    "losses/entropy",
    "losses/approx_kl",
    "losses/clipfrac",
    "losses/explained_variance",
    "dopamine/phasic_mean",
    "dopamine/phasic_std",
    "dopamine/positive_fraction",
    "pathways/direct_mean",
    "pathways/direct_std",
]


def check(run):
    events = EventAccumulator(run)
    events.Reload()
    missing = [tag for tag in TAGS if tag not in events.Tags()["scalars"]]
    if missing:
        sys.exit(f"{run}: no {', '.join(missing)}")
    for tag in TAGS:
        points = events.Scalars(tag)
        steps = [point.step for point in points]
        if steps != sorted(set(steps)):
            sys.exit(f"{run}: steps of {tag} do not rise: {steps[:20]}")
        if not all(math.isfinite(point.value) for point in points):
            sys.exit(f"{run}: {tag} is not finite")
    texts = [event.tensor_proto.string_val[0] for tag in events.Tags()["tensors"] for event in events.Tensors(tag)]
    if not any(b"learning_rate" in text for text in texts):
        sys.exit(f"{run}: the configuration is not among its texts")
    print(f"{run}: {len(TAGS)} curves of {len(events.Scalars('charts/SPS'))} points, configuration as text")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        check(path)
