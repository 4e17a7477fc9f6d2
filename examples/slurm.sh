#!/bin/bash
# A hundred workers on one study, four trials at once on each, from a Slurm array:
#
#     danlu run train.py:train --store "$STUDY" --name resnet -n 500 --workers 1   # begin it anywhere, or:
#     STUDY="postgresql://me@db.lab/tuning?blobs=/shared/tuning" sbatch examples/slurm.sh
#
# Slurm sends SIGTERM a minute before it takes a machine away: the worker checkpoints, hands its trials back and ends with
# code 143; the array task is put back into the queue and goes on with whatever is left then.
#SBATCH --job-name=danlu
#SBATCH --array=1-100
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:4
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --output=logs/%A_%a.log
set -u

danlu worker "$STUDY" train.py:train --study "${NAME:-resnet}" --slots 4 --gpus 4 --grace 45 --wait 10m &
worker=$!
trap 'kill -TERM "$worker"' TERM  # only this shell gets the signal; trials hear of it from their worker
wait "$worker"
code=$?
while kill -0 "$worker" 2>/dev/null; do # the first wait ends with the signal, the worker a little later
    wait "$worker"
    code=$?
done
if [ "$code" -eq 143 ] && [ -n "${SLURM_JOB_ID:-}" ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
