#!/usr/bin/env bash
# One unattended training call of under nine minutes on a machine with a GPU: record what is missing, train one
# stage, write its weights as small files. Restarting from weights alone is enough to go on in a next call.
#
#   STAGE=vae              OUT=out bash benchmarks/gpu/train.sh
#   STAGE=stage1 VAE=…     OUT=out bash benchmarks/gpu/train.sh
#   STAGE=stage2 VAE=… INIT=… OUT=out bash benchmarks/gpu/train.sh
#
# MINUTES (of training, 6), HOURS (of play to record, 2), SPARSE_HOURS (of play with doors, 0), VALIDATION (minutes, 10), DATA, PRESET, ACCELERATOR (cuda), PRECISION, BATCH, INIT
# (weights to start from, as split by shards.py or a network folder), ARGS (more options of the trainer).
set -euo pipefail
: "${STAGE:?vae, stage1 or stage2}" "${OUT:?folder for the results}"
MINUTES=${MINUTES:-6} HOURS=${HOURS:-2} DATA=${DATA:-data/doom} PRESET=${PRESET:-mini}
ACCELERATOR=${ACCELERATOR:-cuda} PRECISION=${PRECISION:-bf16-mixed} BATCH=${BATCH:-32} ARGS=${ARGS:-} VALIDATION=${VALIDATION:-10}
PYTHON=${PYTHON:-python3}
here=$(dirname "${BASH_SOURCE[0]}")
export PYTHONPATH=$PWD:$PWD/bridge${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1

joined() { # a network folder, joined from shards if need be
  if ls "$1"/shard*.safetensors >/dev/null 2>&1; then
    $PYTHON "$here/shards.py" join "$1" "runs/joined/$(basename "$1")"
    echo "runs/joined/$(basename "$1")"
  else
    echo "$1"
  fi
}

$PYTHON -m sr_runtime record vizdoom --out "$DATA" --hours "$HOURS" --split train --seed 1 --workers "$(nproc)"
if [ "${SPARSE_HOURS:-0}" != 0 ]; then
  $PYTHON -m sr_runtime record vizdoom --out "$DATA" --hours "$SPARSE_HOURS" --kind sparse --split train --seed 12 --no-doors \
    --workers "$(nproc)"
fi
$PYTHON -m sr_runtime record vizdoom --out "$DATA" --minutes "$VALIDATION" --split validation --seed 2 --workers "$(nproc)"

options=(--data "$DATA" --out "runs/gpu-$STAGE" --minutes "$MINUTES" --batch "$BATCH"
  --accelerator "$ACCELERATOR" --precision "$PRECISION")
[ "$STAGE" = stage2 ] || options+=(--preset "$PRESET")
[ "$STAGE" = vae ] || options+=(--vae "$(joined "${VAE:?network folder of the autoencoder}")")
[ -z "${INIT:-}" ] || options+=(--init "$(joined "$INIT")")
# shellcheck disable=SC2086
$PYTHON -m sr_runtime train "$STAGE" "${options[@]}" $ARGS
mkdir -p "$OUT"
$PYTHON "$here/shards.py" split "runs/gpu-$STAGE/network" "$OUT/$STAGE"
cp "runs/gpu-$STAGE/log.jsonl" "$OUT/$STAGE.jsonl"
