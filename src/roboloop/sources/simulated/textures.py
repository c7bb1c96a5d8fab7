"""Table tops and floors drawn with arithmetic: no picture files are needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEXTURE_SIZE = 512

WOOD_TONES = {
    "oak": ((0.80, 0.63, 0.42), (0.62, 0.44, 0.26)),
    "walnut": ((0.58, 0.40, 0.26), (0.40, 0.25, 0.15)),
    "birch": ((0.90, 0.80, 0.64), (0.78, 0.65, 0.47)),
}


def table_texture(style: str, *, seed: int) -> NDArray[np.uint8]:
    """A table top of the named style: (512, 512, 3) RGB."""
    rng = np.random.default_rng([seed, 11])
    if style in WOOD_TONES:
        return _wood(rng, light=WOOD_TONES[style][0], dark=WOOD_TONES[style][1])
    if style == "cloth":
        return _cloth(rng)
    speckle = rng.normal(0.0, 0.012, size=(TEXTURE_SIZE, TEXTURE_SIZE, 1))
    cloud = 0.03 * smooth_noise(rng, cells=6)[..., None]
    base = np.array([0.66, 0.67, 0.68]) * rng.uniform(0.85, 1.1)
    return _as_bytes(base + speckle + cloud)


def smooth_noise(
    rng: np.random.Generator, *, cells: int, size: int = TEXTURE_SIZE
) -> NDArray[np.float64]:
    """Noise between -1 and 1 that varies over `size / cells` pixels, (size, size)."""
    grid = rng.uniform(-1.0, 1.0, size=(cells + 1, cells + 1))
    place = np.linspace(0.0, cells, size, endpoint=False)
    low = place.astype(int)
    part = place - low
    part = part * part * (3 - 2 * part)
    rows = grid[low] * (1 - part[:, None]) + grid[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def _wood(
    rng: np.random.Generator, *, light: tuple[float, ...], dark: tuple[float, ...]
) -> NDArray[np.uint8]:
    """Planks along x with grain: stripes bent by slow noise."""
    size = TEXTURE_SIZE
    across = np.linspace(0.0, 1.0, size, endpoint=False)[:, None]
    along = np.linspace(0.0, 1.0, size, endpoint=False)[None, :]
    bend = 0.05 * smooth_noise(rng, cells=3) + 0.012 * smooth_noise(rng, cells=9)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (across * rng.uniform(16, 24) + 9 * bend))
    fibre = rng.normal(0.0, 1.0, size=(size, 1)) * 0.05
    fibre = fibre + 0.05 * rng.normal(0.0, 1.0, size=(size, size // 16)).repeat(16, axis=1)
    num_planks = 4
    plank = np.floor(across * num_planks).astype(int)
    tone = rng.uniform(-0.10, 0.10, size=num_planks)[plank] + 0.0 * along
    gap = (np.abs((across * num_planks) % 1.0) < 0.012).astype(float) + 0.0 * along
    mix = np.clip(0.30 + 0.35 * rings + fibre + tone, 0.0, 1.0)[..., None]
    colour = np.array(light) * (1 - mix) + np.array(dark) * mix
    return _as_bytes(colour * (1 - 0.45 * gap[..., None]))


def _cloth(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A woven cloth in a pale colour."""
    size = TEXTURE_SIZE
    thread = np.arange(size)
    weave = 0.5 + 0.5 * np.sin(2 * np.pi * thread / 8.0)
    weave = 0.06 * (weave[:, None] * (1 - weave[None, :]))
    base = np.array([0.80, 0.78, 0.74]) * rng.uniform(0.8, 1.0) * rng.uniform(0.94, 1.0, size=3)
    cloud = 0.025 * smooth_noise(rng, cells=5)
    return _as_bytes(base - weave[..., None] + cloud[..., None])


def _as_bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return (np.clip(values, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
