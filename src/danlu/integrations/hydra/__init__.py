"""Hydra: ``python train.py -m hydra/sweeper=danlu 'lr=tag(log,interval(1e-5,1e-1))'``, and what a job may say of itself meanwhile.

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def train(cfg):
        model = Net(cfg)
        first = danlu.integrations.hydra.restore(model)        # 0 where there is nothing to go on from
        for epoch in range(first + 1, cfg.epochs + 1):
            loss = train_epoch(model)
            danlu.integrations.hydra.save(epoch, model)
            danlu.integrations.hydra.report(epoch, loss=loss)  # a scheduler may end or pause the job here
        return loss

Outside a sweep of danlu's these do nothing, so the program stays as it is: ``report`` and ``save`` return, ``restore`` returns 0.
"""

from .job import report, restore, save, trial

__all__ = ["report", "restore", "save", "trial"]
