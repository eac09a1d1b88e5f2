"""Forecast a series past its last date: python timeseries.py FILE.csv"""

import numpy as np
from matplotlib.figure import Figure

from rnncourse import metrics
from rnncourse import timeseries as ts
from rnncourse.data import own
from rnncourse.nn import cells, functional, layers, recurrent, train


def forward(params, xs, period):  # windows (N, L) → K steps (N, K)
    _, last, cache = recurrent.gru_forward((xs - xs[:, -1:])[..., None], None, params["cell"])
    base = xs[:, -period:][:, np.arange(len(params["output"]["b_y"])) % period]  # a period ago
    return base + layers.dense_forward(last, params["output"]), (base, last, cache)


def gradients(params, xs, period, targets):
    ys, (_, last, cache) = forward(params, xs, period)
    loss, dys = functional.squared_error(ys, targets)
    dlast, output = layers.dense_backward(dys, last, params["output"])
    none = np.zeros((*xs.shape, last.shape[1]))
    _, _, cell = recurrent.gru_backward(none, dlast, cache, params["cell"])
    return loss, {"cell": cell, "output": output}


def learn(args, H=16):
    dates, values, real = own.dated(args.file, args.date, args.value, at_least=60)
    T, rng = len(values), np.random.default_rng(args.seed)
    a, b = T * 6 // 10, T * 8 // 10  # learn before a, measure the interval before b, test
    period = args.period or ts.likely_period(values[:a])
    K = args.horizon or min(max(period, 10), T // 10)
    L = max(10, period, min(2 * period, T // 4))  # the window
    if min(period, K) < 1 or a - L - K < 10 or b - a - K < 4:
        raise own.DataError(f"{args.file}: {T} steps do not allow period {period}, horizon {K}")
    mean, scale = ts.scaler(values[:a])
    y = (values - mean) / scale
    (xs, targets), (_, there) = ts.windows(y, L, K), ts.windows(real, L, K)
    seen, held, test = np.arange(a - L - K + 1), slice(a - L, b - L - K + 1), slice(b - L, None)
    params = {"cell": cells.gru_init(rng, 1, H), "output": layers.dense_init(rng, H, K)}
    params["output"]["W_y"] *= 0  # it begins as the seasonal naive forecast
    train.fit(params, lambda k: gradients(params, xs[k], period, targets[k]),
              lambda: np.array_split(rng.permutation(seen), len(seen) // 32 + 1),
              epochs=30, clip=1.0, rate=0.005)
    ys, (base, *_) = forward(params, xs, period)
    ar, true, there = ts.autoregression(y[:a], L), targets[test], there[test]
    rivals = {"GRU": ys[test], "as a period ago": base[test],
              "as the last value": np.repeat(xs[test, -1:], K, axis=1),
              "AR": np.array([ar.forecast(x, K) for x in xs[test]])}
    own.say("period {}; MASE of {} steps, last fifth:", period, K)
    for name, found in rivals.items():
        own.say("{:.2f} {}", metrics.mase(found[there], true[there], y[:a], period), name)
    margin = ts.conformal_margin(ys[held], ys[held], targets[held], args.share)
    inside = (np.abs(ys[test] - true) <= margin)[there].mean()
    own.say("the interval for {:.0%} held {:.0%}", args.share, inside)
    train.save(args.saved, params, mean=float(mean), scale=float(scale), L=L, period=period,
               past=values[-3 * L :].tolist(), margin=(margin * scale).tolist(),
               last=str(dates[-1]), step=int((dates[1] - dates[0]).astype(int)))


def look(args):
    params, known = train.load(args.saved)
    past, margin = np.array(known["past"]), np.array(known["margin"])
    x = (past[None, -known["L"] :] - known["mean"]) / known["scale"]
    ys = forward(params, x, known["period"])[0][0] * known["scale"] + known["mean"]
    dates = np.datetime64(known["last"]) + known["step"] * np.arange(1 - len(past), len(ys) + 1)
    coming, low, high = dates[len(past) :], ys - margin, ys + margin
    for row in [*zip(coming, ys, low, high, strict=True)][:12]:
        own.say("{} {:.5g} ({:.5g} to {:.5g})", *row)
    ax = Figure(figsize=(7, 3), layout="constrained").subplots()
    ax.plot(dates[: len(past)], past, "k", coming, ys, "C0--")
    ax.fill_between(coming, low, high, color="C0", alpha=0.3)
    ax.figure.savefig(args.saved.with_suffix(".png"), dpi=150)
    own.say("drawn {}", args.saved.with_suffix(".png").name)


if __name__ == "__main__":
    own.program(__doc__, learn, look, date=None, value=None, period=0, horizon=0, share=0.8)
