"""The log of records: how many seconds each recipe needs to the goals, against `fast` in the same run.

    python -m benchmarks.experiments.records            (two hours of a core; leave the machine alone meanwhile)
    python -m benchmarks.experiments.records mffcn      (one network's alone)

Each record changes one thing of the one before it. Three seeds of each; a record counts where its seconds are fewer
by a one-sided test over the seeds (Welch's, at 5%). Goes on where it was stopped. Writes
mffcn_lite/results/speedrun.json.
"""

import dataclasses
import sys

import torch
from scipy import stats

from benchmarks.helpers.storing import begun, store
from benchmarks.speed.speedrun import speedrun, summarize
from mffcn_lite.evaluation import load_results
from mffcn_lite.training import TrainingConfig, read_config, recipe_for

SEEDS = 3
