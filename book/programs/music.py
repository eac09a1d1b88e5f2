"""Go on from music of a folder, MIDI or MusicXML: python music.py FOLDER --write NEW.mid"""

from pathlib import Path

import numpy as np

from rnncourse import music
from rnncourse.data import own, tunes
from rnncourse.nlp import text
from rnncourse.nn import cells, functional, layers, optim, recurrent, train


def reader(grid):  # the roll of a file, 88 keys at each of ``grid`` steps of a quarter note
    return lambda file: music.roll(music.read_midi(file, grid and 1 / grid))


def forward(params, xs, state=None):
    hs, last, cache = recurrent.gru_forward(xs, state, params["gru"])
    return layers.dense_forward(hs, params["output"]) + xs * params["same"], last, (hs, cache)


def gradients(params, xs, mask):
    ys, _, (hs, cache) = forward(params, xs[:, :-1])
    keys = np.broadcast_to(mask[:, 1:, None], ys.shape)
    loss, dys = functional.binary_cross_entropy(ys, xs[:, 1:], keys)
    dys *= music.KEYS  # summed over the keys of a step
    dhs, output = layers.dense_backward(dys, hs, params["output"])
    _, _, gru = recurrent.gru_backward(dhs, None, cache, params["gru"])
    grads = {"gru": gru, "output": output, "same": (dys * xs[:, :-1]).sum((0, 1))}
    return music.KEYS * loss, grads


def learn(args, N=4, longest=64, rate=0.01):
    rolls, rng = tunes.folder(args.file, reader(args.grid)), np.random.default_rng(args.seed)
    parts = text.split([tunes.signature(roll) for roll in rolls], (0.6, 0.2, 0.2), rng)
    seen, valid, test = ([rolls[k] for k in part] for part in parts)
    params = {"gru": cells.gru_init(rng, music.KEYS, args.units, dtype=np.float32),
              "output": layers.dense_init(rng, args.units, music.KEYS, np.float32),
              "same": np.zeros(music.KEYS, np.float32)}
    repeat, markov = tunes.tables(seen)
    off, on = (np.log((p := repeat(np.full((2, 88), k))[0]) / (1 - p)) for k in (0, 1))
    params["output"]["b_y"][:], params["same"][:] = off, on - off  # it begins with that table

    def batches(some, order=None):
        pieces = [r[k : k + longest + 1] for r in some for k in range(0, len(r) - 1, longest)]
        for group in text.bucket_batches([len(one) for one in pieces], N, order):
            shift = order.integers(-args.keys, args.keys + 1) if order else 0  # into another key
            yield text.pad([tunes.shifted(pieces[k], shift) for k in group])

    epochs = args.epochs or int(np.clip(100_000 / sum(map(len, seen)), 10, 80))
    train.fit(params, lambda batch: gradients(params, *batch), lambda: batches(seen, rng), epochs,
              rate=optim.cosine(rate, epochs * len([*batches(seen)])), clip=1.0, patience=20,
              validate=lambda: np.mean([gradients(params, *b)[0] for b in batches(valid)]))
    network = lambda r: functional.sigmoid(forward(params, r[None, :-1])[0][0])  # noqa: E731
    for name, chances in (("the chord before again", repeat), ("by the chord before", markov),
                          ("GRU over chords", network)):
        p = [np.clip(abs(chances(r) - 1 + r[1:]), 1e-6, 1) for r in test]  # of what came, each key
        own.say("{:.2f} nats a step: {}", -np.log(np.concatenate(p)).sum(1).mean(), name)
    train.save(args.saved, params, grid=args.grid, begin=test[0][: 4 * args.grid].tolist(),
               known=[grid.tolist() for grid in tunes.voices(*seen)])


def use(args):
    params, kept = train.load(args.saved)
    grid, rng, state = kept["grid"], np.random.default_rng(args.seed), None
    if not args.write:
        return
    roll = [*(tunes.tune(args.begin, reader(grid)) if args.begin else kept["begin"])]
    ahead = np.array(roll, np.float32)
    for _ in range(args.length * grid):
        ys, state, _ = forward(params, ahead[None], state)
        p = functional.sigmoid(ys[0, -1] / max(args.temperature, 1e-3))
        ahead = (rng.random(music.KEYS) < p)[None].astype(np.float32)
        roll.append(ahead[0])
    new, *known = tunes.voices(np.array(roll), *map(music.roll, kept["known"]))
    music.write_midi(new, args.write, 1 / grid)
    own.say("written {}: {} steps, of which {} in a row stand in the training",
            Path(args.write).name, len(roll), music.longest_copied(new, known))


if __name__ == "__main__":
    own.program(__doc__, learn, use, units=64, epochs=0, grid=2, keys=5, write=None, begin=None,
                length=16, temperature=0.7)
