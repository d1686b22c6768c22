"""Training: a configuration, its batches, Algorithm 1, and a run's folder on disk."""

from mffcn_lite.training.config import RECIPES, TrainingConfig, learning_rate, recipe_for
from mffcn_lite.training.loop import TrainingState, create_loss, train
from mffcn_lite.training.sampling import Sampler

__all__ = ["RECIPES", "Sampler", "TrainingConfig", "TrainingState"]
__all__ += ["create_loss", "learning_rate", "recipe_for", "train"]
