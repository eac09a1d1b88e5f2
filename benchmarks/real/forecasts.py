"""Forecasts of real series: GRU and LSTM beside persistence, seasons, AR, waves, ETS and ARIMA.

ETTh1, the oil temperature alone: 12, 4 and 4 months to train, validate and test, scaled by the
training part, as in the Informer paper; airline passengers, the last 36 months; daily minimum
temperatures, the last year. Everything is fitted on the training part alone; lags, waves, the
kind of ETS, the order of ARIMA and the epoch are chosen on the validation part, which comes
between training and test.
Networks forecast all steps at once (direct), from windows of the last L values.

Seconds are those of one processor's own time, so that a busy machine counts less.
"""

from _common import Run, summary  # isort: skip  (before NumPy)

import csv
import functools
import time
import warnings

import numpy as np
from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing
from statsmodels.tsa.statespace.sarimax import SARIMAX

from rnncourse import data, metrics
from rnncourse import timeseries as ts
from rnncourse.nn import cells, functional, layers, optim, recurrent, train
from rnncourse.timeseries import autoregression, harmonic_regression, persistence, seasonal_naive

FILES = ("ETTh1.csv", "airline-passengers.csv", "daily-min-temperatures.csv")
SHARE = 0.9
QUANTILES = ((1 - SHARE) / 2, 0.5, (1 + SHARE) / 2)
# Informer, LSTMa, DeepAR, ARIMA and Prophet: Zhou et al. (2021), univariate table, as reprinted
# with S4 in Gu et al. (2022), table 13. MSE and MAE of the scaled oil temperature.
PUBLISHED = [
    {"what": what, "horizon": hours, "mse": mse, "mae": mae}
    for what, *rows in [
        ("Informer", (24, 0.098, 0.247), (48, 0.158, 0.319)),
        ("LSTMa", (24, 0.114, 0.272), (48, 0.193, 0.358)),
        ("DeepAR", (24, 0.107, 0.280), (48, 0.162, 0.327)),
        ("ARIMA", (24, 0.108, 0.284), (48, 0.175, 0.424)),
        ("Prophet", (24, 0.115, 0.275), (48, 0.168, 0.330)),
        ("S4", (24, 0.061, 0.191), (48, 0.079, 0.220)),
    ]
    for hours, mse, mae in rows
]

# Settings of the networks, chosen on the validation parts: window, units, rate, epochs, batch.
SETTINGS = {
    "etth1": {"L": 96, "H": 32, "rate": 3e-3, "epochs": 8, "patience": 3, "N": 64},
    "airline": {"L": 12, "H": 8, "rate": 5e-3, "epochs": 200, "patience": 30, "N": 16},
    "temperatures": {"L": 28, "H": 16, "rate": 3e-3, "epochs": 60, "patience": 8, "N": 64},
}
CUTS = {"etth1": (8640, 11520, 14400), "airline": (84, 108, 144),
        "temperatures": (2920, 3285, 3650)}  # fmt: skip
LAGS = {"etth1": (24, 48, 96, 168), "airline": (1, 2, 6, 12, 13, 14),
        "temperatures": (1, 2, 4, 7, 14, 28)}  # fmt: skip
PERIOD = {"etth1": 24, "airline": 12, "temperatures": 365}
WAVES = {"etth1": (1, 2), "airline": (3, 5), "temperatures": (1, 2, 3)}
YEAR = {"temperatures": 365.25}  # where the waves' period is no whole number of steps
# Not seasonal: what two waves leave. With a period of 365, or of 24 in 8640 hours, seasonal
# states make ETS and ARIMA slow, and waves are the usual way out.
ORDERS = {
    "etth1": [((1, 1, 1), None), ((2, 1, 2), None), ((3, 1, 2), None), ((2, 0, 2), None)],
    "airline": [((0, 1, 1), (0, 1, 1, 12)), ((1, 1, 1), (0, 1, 1, 12)),
                ((2, 1, 0), (0, 1, 1, 12)), ((1, 1, 0), (1, 1, 0, 12))],
    "temperatures": [((1, 0, 1), None), ((2, 0, 1), None), ((3, 0, 1), None), ((1, 1, 1), None),
                     ((2, 1, 2), None)],
}  # fmt: skip
SEASONAL_ETS = {"airline": 12}
HORIZONS = {"etth1": (24, 48, 96), "airline": (1, 12), "temperatures": (1, 7)}


# --- the series, as the models see them ----------------------------------------------------


@functools.cache
def columns(name):
    """The numbers of a file, (T, D)."""
    file = dict(zip(CUTS, FILES, strict=True))[name]
    with data.path("timeseries", file).open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    return np.array([[float(value) for value in row[1:]] for row in rows])


@functools.cache
def series(name):
    """What is forecast, and the way back to its own unit.

    ETTh1 stays scaled, as in the papers; passengers are logarithms, since their swings grow
    with their level.
    """
    values = columns(name)[:, -1]
    if name == "airline":
        return np.log(values), np.exp
    scaler = ts.scaler(values[: CUTS[name][0]])
    return scaler.apply(values), (lambda z: z) if name == "etth1" else scaler.invert


def origins(name, part, K):
    """The first step of each forecast of a part: every one whose K targets lie in it."""
    train_end, validation_end, end = CUTS[name]
    start, stop = {"validation": (train_end, validation_end), "test": (validation_end, end)}[part]
    return range(start, stop - K + 1)


def errors(name, forecasts, K):
    """MSE and MAE, in the own unit also RMSE and MASE; forecasts (N, K) for the test part."""
    z, back = series(name)
    truth = back(np.array([z[o : o + K] for o in origins(name, "test", K)]))
    error = back(np.asarray(forecasts, np.float64)[:, :K]) - truth
    past = back(z[: CUTS[name][0]])
    mae = np.abs(error).mean()
    row = {"mse": np.square(error).mean(), "rmse": np.sqrt(np.square(error).mean()), "mae": mae,
           "mase": metrics.mase(error + truth, truth, past)}  # fmt: skip
    return {key: round(float(value), 4) for key, value in row.items()}


# --- baselines -----------------------------------------------------------------------------
# Each is a function of a part and a horizon: its forecasts (N, K) from all origins of the part.


def walk(name, part, K, forecast):
    z, _ = series(name)
    return np.array([forecast(z[:o], K) for o in origins(name, part, K)])


def truth(name, part, K):
    z, _ = series(name)
    return np.array([z[o : o + K] for o in origins(name, part, K)])


def walker(name, forecast):
    return lambda part, K: walk(name, part, K, forecast)


def best(name, candidates):
    """The label and the method with the smallest validation error at the longest horizon."""
    K = HORIZONS[name][-1]
    wanted, found = truth(name, "validation", K), {}
    for label, method in candidates.items():
        found[label] = float(np.square(method("validation", K) - wanted).mean())
    label = min(found, key=found.get)
    return {label: candidates[label]}


def past(name):
    """The training part, on which everything is fitted."""
    return series(name)[0][: CUTS[name][0]]


def autoregressions(name):
    return {f"AR, {lags} lags": walker(name, autoregression(past(name), lags).forecast)
            for lags in LAGS[name]}  # fmt: skip


def waved(name, waves, lags):
    return harmonic_regression(
        past(name), YEAR.get(name, PERIOD[name]), waves, lags, line=name == "airline"
    )


def harmonics(name):
    return {f"{waves} waves, AR {lags}": walker(name, waved(name, waves, lags).forecast)
            for waves in WAVES[name] for lags in LAGS[name]}  # fmt: skip


def linear(name, L):
    """Least squares from a window to all steps at once, both less the window's last value."""
    z, _ = series(name)

    def method(part, K):
        X, Y = ts.windows(past(name), L, K)
        last = X[:, -1:]
        W = np.linalg.lstsq(np.c_[X - last, np.ones(len(X))], Y - last, rcond=None)[0]
        X = np.array([z[o - L : o] for o in origins(name, part, K)])
        return np.c_[X - X[:, -1:], np.ones(len(X))] @ W + X[:, -1:]

    return method


def state_space(name, build, waves=2):
    """A model of statsmodels, fitted on the training part, then filtered through all values.

    Where the model has no season, ``waves`` waves are taken out before, and put back. The
    state before step o is all that the model knows there: its forecasts are the state, moved on.
    """
    z, train_end = series(name)[0], CUTS[name][0]
    steps = np.arange(len(z))
    curve = waved(name, waves, 1).curve(steps) if waves else np.zeros(len(z))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of starting values that it does not like
        fitted = build((z - curve)[:train_end]).fit(disp=False)
    filtered = fitted.apply(z - curve)
    states, system = filtered.predicted_state, filtered.model.ssm
    if np.any(system["state_intercept"]) or np.any(system["obs_intercept"]):
        raise ValueError(f"{name}: a model with a constant; expected none")
    row, move = system["design"].squeeze(), system["transition"].squeeze()
    move = np.atleast_2d(move)

    def method(part, K):
        place = np.array(origins(name, part, K))
        now, made = states[:, place], []
        for k in range(K):
            made.append(np.atleast_1d(row) @ now + curve[place + k])
            now = move @ now
        return np.stack(made, axis=1)

    return method


def smoothings(name):
    """ETS: a level, with or without a trend that may fade; a season where it is short."""
    season = SEASONAL_ETS.get(name)
    kinds = {"level": {}, "trend": {"trend": True},
             "fading trend": {"trend": True, "damped_trend": True}}  # fmt: skip
    return {f"ETS, {label}": state_space(
        name, lambda y, kind=kind: ExponentialSmoothing(
            y, seasonal=season, initialization_method="heuristic", **kind),
        waves=0 if season else 2) for label, kind in kinds.items()}  # fmt: skip


def arimas(name):
    return {f"ARIMA {''.join(map(str, order))}" + (f" {''.join(map(str, season[:3]))}"
                                                   if season else ""):
            state_space(name, lambda y, order=order, season=season: SARIMAX(
                y, order=order, seasonal_order=season or (0, 0, 0, 0)),
                waves=0 if season else 2)
            for order, season in ORDERS[name]}  # fmt: skip


def methods(name):
    """Label → method: what is fitted or chosen, each family's best."""
    period = PERIOD[name]
    widths = {"etth1": (SETTINGS["etth1"]["L"], 336)}.get(name, (SETTINGS[name]["L"],))
    return {
        "persistence": walker(name, persistence),
        f"seasonal, {period}": walker(name, lambda past, K: seasonal_naive(past, K, period)),
        **best(name, autoregressions(name)),
        **best(name, harmonics(name)),
        **best(name, smoothings(name)),
        **best(name, arimas(name)),
        **{f"linear, {L} values": linear(name, L) for L in widths},
    }


def judged(low, high, wanted):
    """Coverage, width and interval score."""
    return {"coverage": round(metrics.coverage(low, high, wanted), 4),
            "width": round(float((high - low).mean()), 4),
            "score": round(metrics.interval_score(low, high, wanted, SHARE), 4)}  # fmt: skip


def plain_interval(name, method, K):
    """The forecast, give or take the margin that the validation errors ask for."""
    back = series(name)[1]
    held, test = (back(method(part, K)) for part in ("validation", "test"))
    known, wanted = (back(truth(name, part, K)) for part in ("validation", "test"))
    margin = ts.conformal_margin(held, held, known, SHARE)
    return judged(test - margin, test + margin, wanted)


def baselines(name):
    """Method → horizon → errors, and how good its plain interval is."""
    return {label: {K: errors(name, method("test", K), K) | plain_interval(name, method, K)
                    for K in HORIZONS[name]}
            for label, method in methods(name).items()}  # fmt: skip


def describe(name):
    """Of each part: its mean, and how far a step moves on average, in the unit of `errors`."""
    z, back = series(name)
    ends = dict(zip(("training", "validation", "test"), CUTS[name], strict=True))
    found, start = {}, 0
    for part, end in ends.items():
        values, start = back(z[start:end]), end
        found[part] = {"mean": round(float(values.mean()), 4),
                       "move": round(float(np.abs(np.diff(values)).mean()), 4)}  # fmt: skip
    return found


# --- networks ------------------------------------------------------------------------------

FORWARD = {"GRU": recurrent.gru_forward, "LSTM": recurrent.lstm_forward}
BACKWARD = {"GRU": recurrent.gru_backward, "LSTM": recurrent.lstm_backward}
INIT = {"GRU": cells.gru_init, "LSTM": cells.lstm_init}


def network(kind, rng, D, H, outputs):
    return {"cell": INIT[kind](rng, D, H, np.float32),
            "out": layers.dense_init(rng, H, outputs, np.float32)}  # fmt: skip


def answer(kind, net, xs):
    """Outputs (N, K), then what the way back needs."""
    hs, _, cache = FORWARD[kind](xs, None, net["cell"])
    return layers.dense_forward(hs[:, -1], net["out"]), hs, cache


def gradients(kind, net, batch, loss):
    xs, targets = batch
    ys, hs, cache = answer(kind, net, xs)
    value, dys = loss(ys, targets)
    dhs = np.zeros_like(hs)
    dhs[:, -1], d_out = layers.dense_backward(dys, hs[:, -1], net["out"])
    _, _, d_cell = BACKWARD[kind](dhs, None, cache, net["cell"])
    return value, {"cell": d_cell, "out": d_out}


def inputs(name, K, source):
    """Windows of the three parts: xs (N, L, D), targets (N, K), and what to add to outputs.

    source: "level", the values; "last", values less the window's last one; "season",
    differences to the period before; "columns", all columns, less their last values.
    """
    z, L = series(name)[0].astype(np.float32), SETTINGS[name]["L"]
    wide, shift = z[:, None], PERIOD[name] if source == "season" else 0
    if source == "columns":
        all_of_them = columns(name)
        wide = ts.scaler(all_of_them[: CUTS[name][0]]).apply(all_of_them).astype(np.float32)
    if shift:
        wide = np.concatenate([np.zeros((shift, 1), np.float32), wide[shift:] - wide[:-shift]])
    found = []
    places = [range(L + shift, CUTS[name][0] - K + 1),
              *(origins(name, part, K) for part in ("validation", "test"))]  # fmt: skip
    for place in places:
        xs = np.stack([wide[o - L : o] for o in place])
        targets = np.stack([z[o : o + K] for o in place])
        add = np.zeros((len(place), 1), np.float32)
        if source in ("last", "columns"):
            add = np.stack([z[o - 1 : o] for o in place])
            xs = xs - xs[:, -1:]
        if shift:
            add = np.stack([z[o - shift : o - shift + K] for o in place])
        found.append((xs, targets - add, add))
    return found


def fitted(name, kind, K, source, seed, loss=functional.squared_error, outputs=1):
    """A trained network, the windows of validation and test, its record."""
    s = SETTINGS[name]
    (xs, targets, _), held, test = inputs(name, K, source)
    scale = np.float32(targets.std())  # seasonal differences are small
    rng = np.random.default_rng([seed, K])
    net = network(kind, rng, xs.shape[2], s["H"], K * outputs)

    def batches():
        order = rng.permutation(len(xs))
        for k in range(0, len(order), s["N"]):
            rows = order[k : k + s["N"]]
            yield xs[rows] / scale, targets[rows] / scale

    def validate():
        return loss(answer(kind, net, held[0] / scale)[0], held[1] / scale)[0]

    start = time.process_time()
    run = train.fit(net, lambda batch: gradients(kind, net, batch, loss), batches, s["epochs"],
                    rate=s["rate"], clip=1.0, validate=validate, patience=s["patience"],
                    progress=False)  # fmt: skip
    record = {"seconds": round(time.process_time() - start, 2), "best_epoch": run.best + 1,
              "parameters": sum(p.size for p in optim.leaves(net).values())}  # fmt: skip
    return lambda part: answer(kind, net, part[0] / scale)[0] * scale, held, test, record


def measure(name, kind, K, source, seed):
    predict, _, test, record = fitted(name, kind, K, source, seed)
    return record | errors(name, predict(test) + test[2], K)


# --- intervals -----------------------------------------------------------------------------


def pinball(outputs, targets):
    """The quantile loss for outputs (N, K · Q)."""
    shape = (*targets.shape, len(QUANTILES))
    value, slope = ts.quantile_loss(outputs.reshape(shape), targets, QUANTILES)
    return value, slope.reshape(outputs.shape)


def intervals(name, kind, K, source, seed):
    """How good they are on the test part, as trained and with the conformal margin."""
    back = series(name)[1]
    predict, held, test, record = fitted(name, kind, K, source, seed, pinball, len(QUANTILES))
    ends = [back(predict(part).reshape(*part[1].shape, -1)[..., [0, 2]] + part[2][..., None])
            for part in (held, test)]  # fmt: skip
    truth = [back(part[1] + part[2]) for part in (held, test)]
    margin = ts.conformal_margin(ends[0][..., 0], ends[0][..., 1], truth[0], SHARE)
    low, high = ends[1][..., 0], ends[1][..., 1]
    mended = judged(low - margin, high + margin, truth[1])
    return (record | judged(low, high, truth[1])
            | {f"conformal_{key}": value for key, value in mended.items()})  # fmt: skip


# --- all of it -----------------------------------------------------------------------------


def joined(rows):
    """Mean and spread of each number over the seeds."""
    return {key: summary([row[key] for row in rows]) for key in rows[0]}


NETWORKS = [
    ("etth1", kind, source) for kind in ("GRU", "LSTM") for source in ("last", "level", "columns")
]
NETWORKS += [(name, kind, source) for kind in ("GRU", "LSTM")
             for name, source in (("airline", "season"), ("temperatures", "level"))]  # fmt: skip
WITH_INTERVALS = (("etth1", "last", 24), ("temperatures", "level", 7))


def networks(run, name, kind, source):
    """Horizon → errors over the seeds."""
    return {K: joined([run.step(f"{name} {kind} {source} {K} seed {seed}", measure, name, kind, K,
                                source, seed) for seed in run.seeds])
            for K in HORIZONS[name]}  # fmt: skip


def main():
    what = "Forecasts of ETTh1, airline passengers and daily temperatures; one thread, three seeds"
    needs = [("timeseries", file) for file in FILES]
    steps = 3 * 2 + 3 * (6 * 3 + 4 * 2 + 2)
    with Run("forecasts", what, needs, packages=["statsmodels"], steps=steps) as run:
        sets = {name: {"parts": run.step(f"{name} parts", describe, name),
                       "baselines": run.step(f"{name} baselines", baselines, name),
                       "networks": {}} for name in CUTS}  # fmt: skip
        for name, kind, source in NETWORKS:
            found = networks(run, name, kind, source)
            sets[name]["networks"][f"{kind}, {source}"] = found
        bands = {f"{name}, {K}": joined([run.step(f"{name} intervals seed {seed}", intervals,
                                                  name, "GRU", K, source, seed)
                                         for seed in run.seeds])
                 for name, source, K in WITH_INTERVALS}  # fmt: skip
        run.write({"settings": SETTINGS, "share": SHARE, "sets": sets, "intervals": bands,
                   "published": PUBLISHED})  # fmt: skip


if __name__ == "__main__":
    main()
