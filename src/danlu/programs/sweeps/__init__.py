"""Other tools' files read as danlu's: W&B sweeps, Hydra's Optuna sweeper, studies of Optuna and Ray Tune."""
