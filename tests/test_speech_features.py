"""Sound to features: by hand, beside Kaldi's filter banks and SciPy; files that are no sound."""

import io
import itertools
import struct
import wave

import kaldi_native_fbank
import numpy as np
import pytest
import scipy.signal

from rnncourse import speech


def sound(n, seed=0):
    """Noise that swings, between -1 and 1."""
    rng = np.random.default_rng(seed)
    return np.clip(0.3 * rng.standard_normal(n) * (1 + np.sin(np.arange(n) / 300)), -1, 1)


def wav(samples, width=2, channels=1, rate=8000):
    """A file in memory; samples: whole numbers in the file's own range, channels interleaved."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        raw = [int(s).to_bytes(width, "little", signed=width > 1) for s in samples]
        out.writeframes(b"".join(raw))
    return file.getvalue()


# --- features beside other libraries -------------------------------------------------


def kaldi(signal, rate, M, kind, length, hop):
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = rate, 0
    options.frame_opts.window_type = {"hann": "hanning"}.get(kind, kind)
    options.frame_opts.frame_length_ms, options.frame_opts.frame_shift_ms = 1e3 * length, 1e3 * hop
    options.mel_opts.num_bins = M
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(rate, signal.tolist())
    bank.input_finished()
    return np.array([bank.get_frame(t) for t in range(bank.num_frames_ready)])


@pytest.mark.parametrize("kind", ["hann", "hamming"])
@pytest.mark.parametrize(
    ("rate", "M", "length", "hop"), [(8000, 24, 0.025, 0.01), (16000, 40, 0.03, 0.0125)]
)
def test_log_mel_is_kaldis(kind, rate, M, length, hop):
    """Kaldi computes in float32, and leaves out a last frame that is not full: here all are."""
    signal = sound(round(rate * length) + 37 * round(rate * hop))
    theirs = kaldi(signal, rate, M, kind, length, hop)
    ours = speech.log_mel(signal, rate, M, length, hop, kind)
    assert ours.shape == theirs.shape == (38, M)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_spectrum_is_scipys():
    """Frames, window and spectrum together, beside scipy.signal's periodogram of each piece."""
    signal, length, hop, size = sound(1000), 200, 80, 256
    shape = speech.window("hamming", length)
    ours = speech.power_spectrum(speech.frames(signal, length, hop) * shape, size)
    assert ours.shape == (11, 129)
    for t, row in enumerate(ours):
        piece = signal[t * hop : t * hop + length] * shape
        _, one = scipy.signal.periodogram(piece, 1, "boxcar", size, False, scaling="spectrum")
        # One-sided: all but the first and last hold both halves. "spectrum" divides by length².
        np.testing.assert_allclose(row[1:-1], one[1:-1] * length**2 / 2, rtol=1e-9)


def test_windows_are_scipys():
    for kind in ("hann", "hamming"):
        for length in (1, 2, 7, 200):
            theirs = scipy.signal.get_window(kind, length, fftbins=False)
            np.testing.assert_allclose(speech.window(kind, length), theirs, atol=1e-15)


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_deltas_are_slopes_of_lines(reach):
    """A line fitted by least squares to each piece, which is a Savitzky-Golay filter."""
    features = np.random.default_rng(0).standard_normal((11, 3))
    theirs = scipy.signal.savgol_filter(features, 2 * reach + 1, 1, 1, axis=0, mode="nearest")
    np.testing.assert_allclose(speech.deltas(features, reach), theirs, atol=1e-14)


def test_deltas_by_hand():
    """A slope of 3 a frame; of one frame nothing is known but itself."""
    line = 3.0 * np.arange(9)[:, None]
    np.testing.assert_allclose(speech.deltas(line)[2:-2], 3, rtol=1e-14)
    assert (speech.deltas(line[:1]) == 0).all()


# --- frames, mel, bands ---------------------------------------------------------------


def test_frames_by_hand():
    assert speech.frames(np.arange(5.0), 3, 2).tolist() == [[0, 1, 2], [2, 3, 4]]
    assert speech.frames([1, 2, 3, 4, 5, 6], 3, 2).tolist() == [[1, 2, 3], [3, 4, 5], [5, 6, 0]]
    assert speech.frames([7], 3, 2).tolist() == [[7, 0, 0]]
    assert speech.frames([1, 2, 3, 4], 1, 3).tolist() == [[1], [4]]
    assert speech.frames([1, 2, 3, 4, 5], 1, 3).tolist() == [[1], [4], [0]]


def test_every_sample_is_in_a_frame():
    for n, length, hop in itertools.product(range(1, 12), (1, 3, 4), (1, 2, 3)):
        if hop <= length:
            pieces = speech.frames(np.arange(1.0, n + 1), length, hop)
            assert set(range(1, n + 1)) <= set(pieces.ravel())
            assert len(pieces) == 1 + max(0, int(np.ceil((n - length) / hop)))


def test_mel_by_hand():
    """1000 Hz is 1000 mel but for rounding in the constants; 0 is 0; and back."""
    np.testing.assert_allclose(
        speech.mel([0, 700, 1000]), [0, 2595 * np.log10(2), 999.99], atol=0.01
    )
    at = np.array([0.0, 55, 440, 4000])
    np.testing.assert_allclose(speech.hertz(speech.mel(at)), at, atol=1e-9)


def test_bands_overlap_by_half():
    """Between the first middle and the last the weights of each frequency sum to 1."""
    filters = speech.mel_filters(10, 512, 8000)
    assert filters.shape == (10, 257)
    edges = speech.hertz(np.linspace(speech.mel(20), speech.mel(4000), 12))
    at = np.arange(257) * 8000 / 512
    inside = (at >= edges[1]) & (at <= edges[-2])
    np.testing.assert_allclose(filters.sum(axis=0)[inside], 1, rtol=1e-12)
    assert (filters.sum(axis=0)[(at < 20)] == 0).all()


def test_a_tone_is_in_its_band():
    for frequency in (300, 1000, 2500):
        features = speech.log_mel(np.sin(2 * np.pi * frequency * np.arange(2000) / 8000), 8000)
        middles = speech.hertz(np.linspace(speech.mel(20), speech.mel(4000), 26))[1:-1]
        nearest = abs(speech.mel(middles) - speech.mel(frequency)).argmin()
        assert abs(np.bincount(features.argmax(axis=1)).argmax() - nearest) <= 1


def test_louder_is_more_and_shifted_is_the_same():
    """Ten times the amplitude: 2 ln 10 more in every band. A hop later: a frame later."""
    signal = sound(3000)
    quiet = speech.log_mel(signal / 10, 8000, floor=1e-300)
    np.testing.assert_allclose(speech.log_mel(signal, 8000, floor=1e-300) - quiet, 2 * np.log(10))
    np.testing.assert_allclose(speech.log_mel(signal[80:], 8000)[:30],
                               speech.log_mel(signal, 8000)[1:31], rtol=1e-9)  # fmt: skip


def test_silence_is_the_floor():
    for signal in (np.zeros(840), np.full(840, 0.25)):
        features = speech.log_mel(signal, 8000, floor=1e-10)
        np.testing.assert_array_equal(features, np.log(1e-10))
        (normalised,) = speech.normalise([features])
        assert (abs(normalised) < 1e-12).all()


# --- normalisation ----------------------------------------------------------------------


def test_normalised_by_file_and_by_speaker():
    rng = np.random.default_rng(3)
    files = [rng.standard_normal((t, 4)) * s + m for t, s, m in ((5, 2, 1), (9, 3, 2), (7, 1, 9))]
    for one in speech.normalise(files):
        np.testing.assert_allclose(one.mean(axis=0), 0, atol=1e-13)
        np.testing.assert_allclose(one.std(axis=0), 1, rtol=1e-13)
    a, b, c = speech.normalise(files, ["x", "y", "x"])
    both = np.concatenate([a, c])
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(both.std(axis=0), 1, rtol=1e-13)
    np.testing.assert_allclose(b, speech.normalise(files)[1])
    assert abs(a.mean()) > 0.1  # the speaker's mean, not the file's
    norm = speech.norm_of(files[:2])
    np.testing.assert_allclose(norm(files[2]), (files[2] - norm.mean) / norm.std)


def test_a_band_that_never_changes_becomes_zero():
    still = np.random.default_rng(0).standard_normal((6, 2))
    still[:, 1] = 0.1 * 3
    assert (abs(speech.normalise([still])[0][:, 1]) < 1e-12).all()


# --- dynamic time warping -------------------------------------------------------------


def every_path(T, U):
    """All ways from (0, 0) to (T-1, U-1) by steps right, down and diagonal."""
    if (T, U) == (1, 1):
        return [[(0, 0)]]
    before = [(t, u) for t, u in ((T - 1, U - 1), (T - 1, U), (T, U - 1)) if t and u]
    return [[*path, (T - 1, U - 1)] for t, u in before for path in every_path(t, u)]


def test_dtw_against_every_path():
    rng = np.random.default_rng(4)
    for T, U in itertools.product((1, 2, 3, 5), (1, 2, 4)):
        a, b = rng.standard_normal((T, 3)), rng.standard_normal((U, 3))
        costs = {tuple(path): sum(np.linalg.norm(a[t] - b[u]) for t, u in path)
                 for path in every_path(T, U)}  # fmt: skip
        distance, path = speech.dtw(a, b)
        np.testing.assert_allclose(distance, min(costs.values()), rtol=1e-12)
        np.testing.assert_allclose(costs[tuple(map(tuple, path.tolist()))], distance, rtol=1e-12)


def test_dtw_forgives_another_pace():
    """Each frame said once or three times: distance 0, and the path says which is which."""
    a = np.array([[0.0], [5], [2]])
    distance, path = speech.dtw(a, a.repeat([1, 3, 2], axis=0))
    assert distance == 0
    assert path.tolist() == [[0, 0], [1, 1], [1, 2], [1, 3], [2, 4], [2, 5]]
    assert speech.dtw(a, a[::-1])[0] > 3


# --- files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "samples", "expected"),
    [
        (1, [0, 128, 192, 255], [-1, 0, 0.5, 127 / 128]),
        (2, [-32768, 0, 16384, 32767], [-1, 0, 0.5, 32767 / 32768]),
        (3, [-(2**23), 0, 2**22, -1], [-1, 0, 0.5, -(2.0**-23)]),
        (4, [-(2**31), 0, 2**30, 1], [-1, 0, 0.5, 2.0**-31]),
    ],
)
def test_samples_by_hand(width, samples, expected, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(samples, width))
    for source in (tmp_path / "a.wav", str(tmp_path / "a.wav"), io.BytesIO(wav(samples, width))):
        signal, rate = speech.read_wav(source)
        assert (signal.tolist(), rate) == (expected, 8000)


def test_stereo_is_the_mean():
    signal, _ = speech.read_wav(io.BytesIO(wav([16384, 0, -32768, 16384], channels=2)))
    assert signal.tolist() == [0.25, -0.25]


def test_clipping_is_counted():
    loud = np.clip(3 * np.sin(np.arange(1000) / 5), -1, 32767 / 32768)
    assert speech.clipped(loud) > 0.5
    assert speech.clipped(0.9 * np.sin(np.arange(1000) / 5)) == 0
    assert np.isfinite(speech.log_mel(loud, 8000)).all()


FLOATING = b"RIFF\x2c\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 3, 1, 8000, 32000, 4, 32)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no WAV file"),
        (b"ID3 this is an MP3", "no WAV file"),
        (wav([1, 2, 3])[:30], "no WAV file"),
        (wav([1, 2, 3, 4])[:-2], "holds 6 bytes of sound; its head says 4 samples of 1 x 2"),
        (wav([]), "holds 0 bytes of sound"),
        (FLOATING + b"data\x08\0\0\0" + bytes(8), "whole numbers .*: unknown"),
    ],
)
def test_a_file_that_is_no_sound(content, said, tmp_path):
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.wav .*{said}|bad\.wav {said}"):
        speech.read_wav(tmp_path / "bad.wav")


def test_another_rate_is_refused(tmp_path):
    (tmp_path / "cd.wav").write_bytes(wav([1, 2], rate=44100))
    assert speech.read_wav(tmp_path / "cd.wav")[1] == 44100
    with pytest.raises(ValueError, match=r"cd\.wav has 44100 samples a second; expected 8000"):
        speech.read_wav(tmp_path / "cd.wav", rate=8000)
    with pytest.raises(FileNotFoundError):
        speech.read_wav(tmp_path / "none.wav")


# --- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: speech.log_mel(np.zeros((5, 2)), 8000), r"signal has shape \(5, 2\)"),
        (lambda: speech.log_mel([], 8000), r"signal has shape \(0,\)"),
        (lambda: speech.log_mel([0.0, np.nan], 8000), "signal holds NaN"),
        (lambda: speech.log_mel([0.0], 0), "rate 0"),
        (lambda: speech.log_mel([0.0], 8000, kind="flat"), "window is 'flat'"),
        (lambda: speech.log_mel([0.0], 8000, M=200), "band 2 of 200 holds none"),
        (lambda: speech.mel_filters(4, 256, 8000, low=5000), "low is 5000"),
        (lambda: speech.frames([0.0], 0, 1), "length is 0"),
        (lambda: speech.power_spectrum(np.zeros((2, 9)), 8), "size is 8"),
        (lambda: speech.deltas(np.zeros(3)), r"features has shape \(3,\)"),
        (lambda: speech.norm_of([]), "files is empty"),
        (lambda: speech.normalise([np.zeros((2, 2))], ["a", "b"]), "speakers names 2"),
        (lambda: speech.dtw(np.zeros((2, 2)), np.zeros((2, 3))), r"a has shape \(2, 2\), b \(2"),
        (lambda: speech.dtw(np.zeros((0, 2)), np.zeros((2, 2))), r"a has shape \(0, 2\)"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(call, said):
    with pytest.raises(ValueError, match=said):
        call()
