"""Training: optimizers, learning-rate schedules, clipping, checkpoints, steps shared by threads, the training loop."""

from minitx.training.averaging import average_checkpoints
from minitx.training.checkpoints import load_checkpoint, save_checkpoint
from minitx.training.clipping import clip_grad_norm
from minitx.training.optimizers import SGD, Adam, AdamW, Optimizer
from minitx.training.prediction import parallel_outputs
from minitx.training.schedules import cosine_schedule, noam_schedule
from minitx.training.threads import parallel_step
from minitx.training.trainer import Trainer, classification_loss, evaluate

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "Trainer",
    "average_checkpoints",
    "classification_loss",
    "clip_grad_norm",
    "cosine_schedule",
    "evaluate",
    "load_checkpoint",
    "noam_schedule",
    "parallel_outputs",
    "parallel_step",
    "save_checkpoint",
]
