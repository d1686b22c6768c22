"""What could be had at most? One large residual network without normalisation, as EDSR's, on portraits.

    MFFCN_LITE_SETS=FOLDER python -m benchmarks.experiments.upper_bound    (five hours and a half of a core)

FOLDER holds `portraits`. Its rate is searched on an eighth of the training people, who are held out for it. Then it
is trained at the best one on all training people, and measured on the test people as `at_scale` measures. The recipe
is `quick` in 12,000 steps. Keeps its state in runs/upper_bound every 250 steps, goes on from there, and writes
mffcn_lite/results/upper_bound.json after each trial and at the end. Core-minutes, estimated from three steps of a
network with less than a third of the work: 50 for the trials, 250 for the training.
"""

import dataclasses
import time
from pathlib import Path

import torch

from benchmarks.experiments.at_scale import made_portraits
from benchmarks.experiments.tables import FACTORS, MEASURES
from benchmarks.helpers.keeping import code_hash
from benchmarks.helpers.residual import Residual
from benchmarks.helpers.results import DEVICE, use_cores
from benchmarks.helpers.sets import described, load_set
from benchmarks.helpers.storing import begun, store
from mffcn_lite.data import FaceSet, split_by_person
from mffcn_lite.evaluation import CONVENTION, evaluate, summarize
from mffcn_lite.models import count_parameters, create_model
from mffcn_lite.statistics import compare
from mffcn_lite.training import TrainingConfig, TrainingState, recipe_for, train
from mffcn_lite.training.recording import validate
from mffcn_lite.training.states import restore_state, save_state

FOLDER, EVERY = Path("runs/upper_bound"), 250
STEPS, TRIAL_STEPS, RATES = 12_000, 600, (1.25e-3, 2.5e-3, 5e-3, 1e-2)


def configured(rate: float, steps: int) -> TrainingConfig:
    """The recipe `quick` with another rate and length."""
    return dataclasses.replace(recipe_for("fsrcnn", "quick"), lr=rate, steps=steps)


def start(config: TrainingConfig, **size: int) -> TrainingState:
    """The state before the first step."""
    torch.manual_seed(config.seed)
    return TrainingState.start(Residual(**size).to(DEVICE), config)


def trial(photos: FaceSet, rate: float, steps: int = TRIAL_STEPS, **size: int) -> dict:
    """A short training at a rate, looked at on people who are held out."""
    photos, held_out = split_by_person(photos, test_fraction=1 / 8, seed=1)
    config, begin = configured(rate, steps), time.process_time()
    state = start(config, **size)
    best = train(state.model, photos, config, state=state).best
    seconds = round(time.process_time() - begin)
    return {"rate": rate, "core_seconds": seconds, "validation_psnr": validate(best, held_out, config, DEVICE)}


def learn(photos: FaceSet, rate: float, folder: Path | None, steps: int = STEPS, **size: int) -> TrainingState:
    """The whole training, which goes on from the states in `folder`."""
    config = configured(rate, steps)
    state = start(config, **size)
    if folder is not None:
        state.run = f"{code_hash('experiments.upper_bound:learn', ('fsrcnn', 'l2'))} {rate} {steps} {len(photos)}"
        restore_state(folder, state)
    before, begin = state.seconds, time.process_time()
    while state.step < steps:
        train(state.model, photos, config, state=state, stop_after=state.step + EVERY)
        state.seconds = before + time.process_time() - begin
        if folder is not None:
            save_state(folder, state)
            print(f"{state.step} of {steps} steps, {state.seconds:.0f} core-seconds", flush=True)
    return state


def measure(state: TrainingState, test: FaceSet) -> dict:
    """Its results beside bicubic's, and the gain."""
    systems = {"bicubic": create_model("bicubic"), "residual": state.best.eval()}
    per_photo = evaluate(systems, test, FACTORS, device=DEVICE)
    gains = compare(per_photo, (("residual", "bicubic"),), FACTORS, MEASURES)
    return {"results": summarize(per_photo), "gains": gains}


def mean_psnr(one: dict) -> float:
    """Over the factors."""
    return sum(one["validation_psnr"].values()) / len(one["validation_psnr"])


def main() -> None:
    """The trials that are missing, then the training, then the test people."""
    use_cores()
    faces = load_set("portraits")
    photos, test = split_by_person(faces)
    trials = begun("upper_bound").get("trials", [])
    for rate in RATES[len(trials) :]:
        trials.append(trial(photos, rate))
        print(trials[-1], flush=True)
        store("upper_bound", {"trials": trials}, unfinished=len(RATES) - len(trials) + 1)
    best = max(trials, key=mean_psnr)["rate"]
    state = learn(photos, best, FOLDER)
    content = {
        **measure(state, test),
        "trials": trials,
        "rate": best,
        "steps": STEPS,
        "parameters": count_parameters(state.model),
        "core_seconds": round(state.seconds),
        "data": described("portraits", faces),
        "convention": CONVENTION,
    }
    store("upper_bound", content)


def probe() -> list:
    """A small one: a trial and some steps, on some of ORL."""
    photos, test = split_by_person(made_portraits(8))
    size = {"maps": 4, "blocks": 2}
    one = trial(photos, RATES[0], steps=2, **size)
    state = learn(photos, RATES[-1], None, steps=2, **size)
    return [one["validation_psnr"], state.best.state_dict(), measure(state, test), mean_psnr(one)]


if __name__ == "__main__":
    main()
