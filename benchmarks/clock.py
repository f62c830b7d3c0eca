"""Interleaved timing: what is compared runs in turns, so that a noisy moment hits all alike."""

import gc
from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter

Act = Callable[[], object]


def measure(acts: dict[str, Act], rounds: int = 200) -> dict[str, tuple[float, float]]:
    """Milliseconds of each act: {name: (p50, p95)}."""
    times: dict[str, list[float]] = {name: [] for name in acts}
    for act in acts.values():
        for _ in range(10):
            act()
    gc.collect()
    for _ in range(rounds):
        for name, act in acts.items():
            start = perf_counter()
            act()
            times[name].append((perf_counter() - start) * 1_000)
    return {name: (median(t), quantiles(t, n=20)[-1]) for name, t in times.items()}
