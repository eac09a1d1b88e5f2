r"""From sound to features: frames, spectra, mel bands, differences, normalisation; DTW.

A signal is an array (n,) of samples between -1 and 1, with its **rate** in samples a second. It is
cut into T overlapping frames; each becomes M numbers, the energy in M bands of pitch. Networks
read these features (T, M).

n samples, T frames, M mel bands, F = size // 2 + 1 frequencies of a spectrum. Silence has
features like anything else: energies are raised to a floor before the logarithm.
"""

import wave
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, numbers, plain
from rnncourse._types import Array

# --- reading -------------------------------------------------------------------


def read_wav(source: str | Path | BinaryIO, rate: int | None = None) -> tuple[Array, int]:
    """A WAV file's signal and rate.

    Args:
        source: path, or an open binary file.
        rate: the rate that is needed; a file of another one is refused. Nothing is resampled
            here: features of another rate are other features.

    Returns the signal (n,), float64 in [-1, 1), and the rate in samples a second. Of several
    channels it is the mean.

    Raises:
        ValueError: no WAV file, or one that holds compressed or floating samples, no samples,
            fewer than its head says, or another rate. The message names the file.
        FileNotFoundError: there is no such file.
    """
    name = getattr(source, "name", "the file") if not isinstance(source, str | Path) else source
    try:
        with wave.open(str(source) if isinstance(source, Path) else source, "rb") as file:
            head, raw = file.getparams(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{name} is no WAV file of whole numbers (PCM): "
                         f"{error or 'it ends too early'}") from error  # fmt: skip
    if rate is not None and head.framerate != rate:
        raise ValueError(f"{name} has {head.framerate} samples a second; expected {rate}. "
                         "Resample it first, as by ffmpeg -ar")  # fmt: skip
    if not head.nframes or len(raw) != head.nframes * head.nchannels * head.sampwidth:
        each = f"{head.nchannels} x {head.sampwidth} bytes"
        raise ValueError(f"{name} holds {len(raw)} bytes of sound; its head says "
                         f"{head.nframes} samples of {each}")  # fmt: skip
    samples = _samples(raw, head.sampwidth).reshape(-1, head.nchannels)
    return samples.mean(axis=1), head.framerate


def _samples(raw: bytes, width: int) -> Array:
    """Numbers in [-1, 1) from bytes: 8 bits from 0 up, the others signed, little end first."""
    if width == 1:
        return np.frombuffer(raw, np.uint8) / 128.0 - 1.0
    # Each number's bytes become the upper ones of 32 bits.
    wide = np.zeros((len(raw) // width, 4), np.uint8)
    wide[:, 4 - width :] = np.frombuffer(raw, np.uint8).reshape(-1, width)
    return wide.view("<i4")[:, 0] / 2.0**31


def clipped(signal: ArrayLike, level: float = 0.999) -> float:
    """Share of samples at or beyond ``level``: where the sound was louder than the numbers go.

    More than a few in a thousand is worth a warning; the features are computed all the same.
    """
    return float((abs(_signal(signal)) >= level).mean())


# --- frames and spectra ------------------------------------------------------------


def frames(signal: ArrayLike, length: int, hop: int) -> Array:
    r"""Overlapping pieces (eq-speech-frames): piece t begins at sample t · hop.

    (n,) → (T, length) with T = 1 + ⌈(n - length) / hop⌉. Zeros are put after the last sample, so
    that none is lost; a signal shorter than a frame makes one.
    """
    signal = _signal(signal)
    check_counts(length=length, hop=hop)
    T = 1 + max(0, -(-(len(signal) - length) // hop))
    padded = np.zeros((T - 1) * hop + length, signal.dtype)
    padded[: len(signal)] = signal[: len(padded)]
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]


def window(kind: str, length: int) -> Array:
    r"""Weights (length,) that let a frame rise and fall (eq-speech-window).

    .. math:: w_i = a - (1 - a) \cos(2 \pi i / (\text{length} - 1))

    "hann": a = 0.5, "hamming": a = 0.54. Raises ValueError for another kind.
    """
    check_counts(length=length)
    if kind not in ("hann", "hamming"):
        raise ValueError(f'window is {kind!r}; expected "hann" or "hamming"')
    return np.hanning(length) if kind == "hann" else np.hamming(length)


def power_spectrum(pieces: Array, size: int) -> Array:
    r"""Energy at each frequency (eq-speech-spectrum): (T, length) → (T, size // 2 + 1).

    Frequency f is f · rate / size in hertz. A frame is filled with zeros up to ``size``, which
    must not be smaller than it.
    """
    if pieces.shape[-1] > size:
        raise ValueError(f"frames have {pieces.shape[-1]} samples; size is {size}, and must not "
                         "be smaller")  # fmt: skip
    return abs(np.fft.rfft(pieces, size)) ** 2


# --- mel bands -------------------------------------------------------------------------


def mel(hertz: ArrayLike) -> Array:
    """Pitch on the mel scale (eq-speech-mel): 2595 log10(1 + f / 700); 1000 Hz is 1000 mel.

    Source: O'Shaughnessy (1987).
    """
    return 2595 * np.log10(1 + plain("hertz", hertz, np.float64) / 700)


def hertz(mels: ArrayLike) -> Array:
    """The frequency of a pitch; undoes :func:`mel`."""
    return 700 * (10 ** (plain("mels", mels, np.float64) / 2595) - 1)


def mel_filters(M: int, size: int, rate: float, low: float = 20.0) -> Array:
    """Triangles of equal width in mel from ``low`` hertz to half the rate: (M, size // 2 + 1).

    Each begins at the middle of the one before. Raises ValueError where a triangle is so narrow
    that no frequency falls into it: fewer bands or a larger size then.
    Source: Young et al., The HTK Book; triangles linear in mel, as in Kaldi.
    """
    check_counts(M=M, size=size)
    if not 0 <= low < rate / 2:
        raise ValueError(f"low is {low}; expected 0 to half the rate, {rate / 2}")
    edges = np.linspace(mel(low), mel(rate / 2), M + 2)
    at = mel(np.arange(size // 2 + 1) * rate / size)
    left, middle, right = (edges[i : M + i, None] for i in range(3))
    weights = np.minimum((at - left) / (middle - left), (right - at) / (right - middle))
    weights = np.maximum(weights, 0)
    if not weights.any(axis=1).all():
        empty = int(np.flatnonzero(~weights.any(axis=1))[0])
        raise ValueError(f"band {empty} of {M} holds none of the {size // 2 + 1} frequencies; "
                         "expected fewer bands or a larger size")  # fmt: skip
    return weights


def log_mel(
    signal: ArrayLike,
    rate: float,
    M: int = 24,
    length: float = 0.025,
    hop: float = 0.010,
    kind: str = "hamming",
    emphasis: float = 0.97,
    floor: float = 1e-10,
) -> Array:
    r"""Log energies of mel bands (eq-speech-logmel): (n,) → (T, M), float64.

    Each frame loses its mean, high frequencies are raised (each sample minus ``emphasis`` times
    the one before), the window, the power spectrum of the next power of two, the bands, ln.

    Args:
        signal: (n,) samples between -1 and 1.
        rate: samples a second.
        length, hop: of the frames, in seconds.
        floor: energies below it count as it: silence is ln(floor), never -∞.

    Raises ValueError for a signal that is not one row of finite numbers with at least one, and
    as :func:`mel_filters`.
    """
    if not rate > 0 or not length > 0 or not hop > 0:
        raise ValueError(f"rate {rate}, length {length}, hop {hop}; expected numbers above 0")
    samples = max(1, round(rate * length))
    pieces = frames(signal, samples, max(1, round(rate * hop)))
    pieces = pieces - pieces.mean(axis=1, keepdims=True)
    before = np.concatenate([pieces[:, :1], pieces[:, :-1]], axis=1)
    size = 1 << (samples - 1).bit_length()
    power = power_spectrum((pieces - emphasis * before) * window(kind, samples), size)
    return np.log(np.maximum(power @ mel_filters(M, size, rate).T, floor))


def deltas(features: Array, reach: int = 2) -> Array:
    r"""How features change: the slope of a line through ``reach`` frames on each side.

    .. math:: d_t = \frac{\sum_{i=1}^{R} i\,(x_{t+i} - x_{t-i})}{2 \sum_{i=1}^{R} i^2}

    (T, M) → (T, M). At the ends the first and last frame are repeated. (eq-speech-deltas)
    """
    check_counts(reach=reach)
    features, T = _features("features", features), len(features)
    padded = np.concatenate(
        [features[:1].repeat(reach, 0), features, features[-1:].repeat(reach, 0)]
    )
    steps = range(1, reach + 1)
    rise = sum(i * (padded[reach + i :][:T] - padded[reach - i :][:T]) for i in steps)
    return np.asarray(rise / (2 * sum(i * i for i in steps)))


# --- normalisation ------------------------------------------------------------------


class Norm(NamedTuple):
    """Mean and standard deviation of each band, both (M,)."""

    mean: Array
    std: Array  # 1 where a band never changes: it becomes 0, not NaN

    def __call__(self, features: Array) -> Array:
        """(T, M) → (T, M)."""
        return (features - self.mean) / self.std


def norm_of(files: Sequence[Array]) -> Norm:
    """Mean and standard deviation over all frames of some files, each (T, M)."""
    if not files:
        raise ValueError("files is empty: there is no frame to average over")
    every = np.concatenate([_features("files", f) for f in files])
    # Rounding must not become a signal: a band that is constant but for its last digit is constant.
    std, size = every.std(axis=0), abs(every).max(axis=0)
    return Norm(every.mean(axis=0), np.where(std > 1e-12 * size, std, 1.0))


def normalise(files: Sequence[Array], speakers: Sequence[Hashable] | None = None) -> list[Array]:
    """Mean 0 and deviation 1 in each band, over each file, or over all files of each speaker.

    A speaker's voice and the microphone add nearly the same to all log energies of a recording;
    the mean takes it away. files: (T, M) each; speakers: one name a file.
    Raises ValueError where the two have another number.
    """
    owners: Sequence[Hashable] = range(len(files)) if speakers is None else speakers
    if len(owners) != len(files):
        raise ValueError(f"speakers names {len(owners)}; there are {len(files)} files")
    groups: dict[Hashable, list[Array]] = {}
    for owner, file in zip(owners, files, strict=True):
        groups.setdefault(owner, []).append(file)
    norms = {owner: norm_of(group) for owner, group in groups.items()}
    return [norms[owner](file) for owner, file in zip(owners, files, strict=True)]


# --- dynamic time warping ------------------------------------------------------------


def dtw(a: Array, b: Array) -> tuple[float, Array]:
    r"""How far two sequences are apart when time may stretch (eq-speech-dtw).

    .. math:: D(t, u) = \lVert a_t - b_u \rVert + \min(D(t-1, u), D(t-1, u-1), D(t, u-1))

    a (T, M), b (U, M) → the sum of distances along the best path, and the path (P, 2), pairs of
    frames from (0, 0) to (T-1, U-1). Longer sequences cost more: divide by T + U to compare.
    Among equals the path goes diagonally, then on in ``a``. Raises ValueError for shapes that
    do not fit. Source: Sakoe and Chiba (1978), without weights or a band.
    """
    a, b = _features("a", a), _features("b", b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a has shape {a.shape}, b {b.shape}; expected (T, M) and (U, M)")
    T, U = len(a), len(b)
    apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))
    D = np.full((T + 1, U + 1), np.inf)
    D[0, 0] = 0
    for diagonal in range(T + U - 1):  # all cells of one diagonal at once
        t = np.arange(max(0, diagonal - U + 1), min(T, diagonal + 1))
        u = diagonal - t
        before = np.minimum(np.minimum(D[t, u], D[t, u + 1]), D[t + 1, u])
        D[t + 1, u + 1] = apart[t, u] + before
    return float(D[T, U]), _way_back(D)


def _way_back(D: Array) -> Array:
    t, u = D.shape[0] - 1, D.shape[1] - 1
    path = [(t - 1, u - 1)]
    while (t, u) != (1, 1):
        ways = [(t - 1, u - 1), (t - 1, u), (t, u - 1)]
        t, u = min(ways, key=lambda way: float(D[way]))
        path.append((t - 1, u - 1))
    return np.array(path[::-1])


# --- checks ------------------------------------------------------------------------------


def _signal(signal: ArrayLike) -> Array:
    found = numbers("signal", signal)
    if found.ndim != 1 or not found.size:
        raise ValueError(f"signal has shape {found.shape}; expected (n,) with at least one sample")
    found = found if found.dtype.kind == "f" else found.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError("signal holds NaN or infinity")
    return found


def _features(name: str, features: ArrayLike) -> Array:
    found = numbers(name, features)
    if found.ndim != 2 or not found.size:
        raise ValueError(f"{name} has shape {found.shape}; expected (T, M), none of them 0")
    return found if found.dtype.kind == "f" else found.astype(np.float64)
