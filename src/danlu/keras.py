"""Keras 3 in a study: ``danlu.keras.Report(trial, "val_loss")`` reports epochs, ends ``fit`` where the study says so, saves and restores."""

from .integrations.keras import Report, Weights

__all__ = ["Report", "Weights"]
