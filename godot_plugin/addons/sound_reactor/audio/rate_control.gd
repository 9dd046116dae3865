## How fast to play, so that the stock of sound stays at its target: the sound card's clock is not the runtime's.
##
## Proportional and integral, on the level averaged over 2 s. 100 ppm between two clocks are 0.36 s an hour.
extends RefCounted

const SAMPLE_RATE := 48000.0
const AVERAGED_OVER_S := 2.0
## An error leaves with this time constant: 10 ms too much plays 0.17 % faster.
const SETTLES_IN_S := 6.0
const INTEGRAL_PER_FRAME_S := 4e-7
## Half a percent is a twelfth of a semitone.
const LIMIT := 0.005

## Playback speed, 1 ± [constant LIMIT].
var ratio := 1.0
## The averaged level.
var average_frames := 0.0

var _integral := 0.0


## A new stretch of sound begins at this level; what was learned about the clocks stays.
func restart(level_frames: int) -> void:
	average_frames = level_frames
	ratio = 1.0 + _integral


## Take in the level now and the time since the last look.
func observe(level_frames: int, target_frames: int, elapsed_s: float) -> void:
	var weight := clampf(elapsed_s / AVERAGED_OVER_S, 0.0, 1.0)
	average_frames += (level_frames - average_frames) * weight
	var error := average_frames - target_frames
	_integral = clampf(_integral + INTEGRAL_PER_FRAME_S * error * minf(elapsed_s, 0.1), -LIMIT, LIMIT)
	ratio = 1.0 + clampf(_integral + error / SAMPLE_RATE / SETTLES_IN_S, -LIMIT, LIMIT)
