#!/usr/bin/env bash
# Every way to run a bundle on a GPU, one after the other, unattended, in under nine minutes: hop times of one
# session through each backend, beats of up to 128 sessions, and whether each sounds like the CPU.
#
#   OUT=out bash benchmarks/gpu/backends.sh                       on a GPU
#   OUT=out DEVICES=cpu COUNTS="1 2" SECONDS_EACH=2 bash benchmarks/gpu/backends.sh     anywhere, to see that it runs
#
# PRESET (mini; weights are random but for a default bundle), PYTHON (python3).
set -uo pipefail
: "${OUT:?folder for the results}"
PRESET=${PRESET:-mini} DEVICES=${DEVICES:-cuda tensorrt} COUNTS=${COUNTS:-1 8 32 100 128} PYTHON=${PYTHON:-python3}
SECONDS_EACH=${SECONDS_EACH:-10}
export PYTHONPATH=$PWD:$PWD/bridge${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
mkdir -p "$OUT"
bundle=$OUT/../fp32-$PRESET
[ -e "$bundle/model.json" ] || $PYTHON -c "
from benchmarks.pages import export_preset
export_preset('$PRESET', '$bundle', precision='fp32', with_torch=True)" || exit 1

counts=()
for count in $COUNTS; do counts+=(--count "$count"); done
failed=0
run() { # name, backend, device
  echo "== $1"
  $PYTHON -m sr_runtime bench --bundle "$bundle" --backend "$2" --device "$3" --seconds "$SECONDS_EACH" \
    --no-wire --no-busy --json "$OUT/$1-hop.json" || failed=1
  $PYTHON -m benchmarks.sessions --bundle "$bundle" --backend "$2" --device "$3" --threads 1 "${counts[@]}" \
    --seconds "$SECONDS_EACH" --only-together --out "$OUT/$1" || failed=1
}
$PYTHON benchmarks/gpu/same_sound.py --bundle "$bundle" --devices "$DEVICES" | tee "$OUT/same_sound.txt" || failed=1
for device in $DEVICES; do
  run "onnx-$device" onnx "$device"
done
case $DEVICES in *cuda*) run torch-cuda torch cuda ;; *) run torch-cpu torch cpu ;; esac
exit $failed
